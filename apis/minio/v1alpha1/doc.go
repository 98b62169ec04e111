// Package v1alpha1 holds the managed resources of provider-minio, which drive
// a MinIO server, and the configurations that tell them which server.
//
// All managed resources are namespaced. Each is named on the server by its
// external name: the value of the annotation crossplane.io/external-name where
// somebody set it, else a name that follows from the resource itself, so that
// nothing is lost when a controller stops half-way.
//
// +kubebuilder:object:generate=true
// +groupName=minio.cistern.dev
// +versionName=v1alpha1
package v1alpha1
