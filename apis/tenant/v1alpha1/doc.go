// Package v1alpha1 is the tenants' API: the Bucket that a tenant claims, and the
// BucketInfo document that the tenant gets. Crossplane v2 calls such a claim a
// composite resource. Group and kind are those of Cozystack, and so are the fields
// that Cozystack's Bucket has.
//
// +kubebuilder:object:generate=true
// +groupName=apps.cozystack.io
// +versionName=v1alpha1
package v1alpha1
