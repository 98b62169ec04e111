// Package v1alpha1 is the tenants' API: the Bucket that a tenant claims, and
// the BucketInfo document that it gets. Group, kind and the fields that
// Cozystack has are Cozystack's.
//
// +kubebuilder:object:generate=true
// +groupName=apps.cozystack.io
// +versionName=v1alpha1
package v1alpha1
