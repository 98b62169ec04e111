package v1alpha1

// ConditionRecreated of a claim is True for a day after its bucket or a user of it was
// gone from the server and was made anew, or until the platform team acknowledges that
// on the resource that the message names. A claim of which nothing was made anew does not
// have it.
const ConditionRecreated = "Recreated"

// Reasons of the condition Recreated. ReasonRecreated is also that of the event.
const (
	ReasonRecreated    = "Recreated"
	ReasonAcknowledged = "Acknowledged"
)

// AnnotationRestores of a claim that was restored from a backup is the name of the
// Bucket of minio.cistern.dev that the claim had. The claim waits until that Bucket and
// its Users are restored, too. Without the annotation it gets a new bucket.
const AnnotationRestores = "apps.cozystack.io/restores"

// ComposedBucketPattern is a regular expression for the names of the Buckets of
// minio.cistern.dev that are composed for claims. It captures the UID of the claim that a
// Bucket was first composed for.
const ComposedBucketPattern = `^bucket-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`
