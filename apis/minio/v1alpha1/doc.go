// Package v1alpha1 holds the managed resources of provider-minio, and the provider
// configurations that name the MinIO server on which they are managed.
//
// All managed resources are namespaced. Each has a name on the server, its external name: the
// annotation crossplane.io/external-name if it is set, otherwise a name that follows from the
// resource itself. So an interrupted creation can always be found again.
//
// +kubebuilder:object:generate=true
// +groupName=minio.cistern.dev
// +versionName=v1alpha1
package v1alpha1
