package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
)

// ConditionPurging shows how far a bucket is emptied, for a Bucket that is being deleted if
// emptying takes more than one call: with object locking. It is true while objects are being
// deleted, and also while only locked objects are left; the message says which.
const ConditionPurging xpv1.ConditionType = "Purging"

// ReasonPurging is the reason of the condition Purging.
const ReasonPurging xpv1.ConditionReason = "Purging"

// Purging returns the condition Purging, with a message that says how far it is.
func Purging(message string) xpv1.Condition {
	return xpv1.Condition{
		Type: ConditionPurging, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(), Reason: ReasonPurging, Message: message,
	}
}

// ConditionSecure of ProviderConfigs and ClusterProviderConfigs shows whether the server's release
// has known vulnerabilities that concern tenants. It does not stop the use of the server.
const ConditionSecure xpv1.ConditionType = "Secure"

// Reasons of the condition Secure.
const (
	// ReasonNoKnownVulnerabilities means that none is known to this release of the provider.
	ReasonNoKnownVulnerabilities xpv1.ConditionReason = "NoKnownVulnerabilities"
	// ReasonKnownVulnerabilities means that the message lists some.
	ReasonKnownVulnerabilities xpv1.ConditionReason = "KnownVulnerabilities"
	// ReasonReleaseUnknown means that the server's version has no date, as that of some forks.
	ReasonReleaseUnknown xpv1.ConditionReason = "ReleaseUnknown"
)

// ConditionRecreated is true for a day after a resource that had existed was gone from the server
// and was made anew: what a bucket held is lost, and the keys of a user were replaced. It turns
// false earlier if AnnotationRecreatedAt is removed. A resource that was never made anew does not
// have it.
const ConditionRecreated xpv1.ConditionType = "Recreated"

// Reasons of the condition Recreated. ReasonRecreated is also the reason of the event.
const (
	ReasonRecreated    xpv1.ConditionReason = "Recreated"
	ReasonAcknowledged xpv1.ConditionReason = "Acknowledged"
)

// AnnotationRecreatedAt holds the time at which a resource was made anew, in the form of RFC 3339.
const AnnotationRecreatedAt = Group + "/recreated-at"

// Recreated returns the condition Recreated with a message that says what is lost.
func Recreated(message string) xpv1.Condition {
	return xpv1.Condition{
		Type: ConditionRecreated, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(), Reason: ReasonRecreated, Message: message,
	}
}

// NotRecreated returns the condition Recreated once it was acknowledged or a day has passed.
func NotRecreated() xpv1.Condition {
	return xpv1.Condition{Type: ConditionRecreated, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now(), Reason: ReasonAcknowledged}
}

// Reasons of the condition Ready of managed resources, in addition to those of every
// Crossplane provider (Available, Creating, Deleting, Unavailable).
const (
	// ReasonDisabled means that a User is disabled, as its spec asks.
	ReasonDisabled xpv1.ConditionReason = "Disabled"

	// ReasonUnproven means that a User's key did not work as it should at the endpoint that is
	// published with it: it was denied what a grant allows, or allowed what no grant allows,
	// or the endpoint could not be reached.
	ReasonUnproven xpv1.ConditionReason = "Unproven"
)

// Reasons of the condition Ready of ProviderConfigs and ClusterProviderConfigs.
// The managed resources that use a configuration have the same text in the message of their
// condition Synced.
const (
	// ReasonServerUsable means that the server answers, knows the credentials, serves MinIO's
	// administration API and is not too old.
	ReasonServerUsable xpv1.ConditionReason = "ServerUsable"

	// ReasonConfigurationInvalid means that the configuration has an invalid value, or that an
	// object that it references is missing.
	ReasonConfigurationInvalid xpv1.ConditionReason = "ConfigurationInvalid"

	// ReasonUnreachable means that the server does not answer.
	ReasonUnreachable xpv1.ConditionReason = "Unreachable"

	// ReasonCertificateUntrusted means that the server's certificate is signed by an authority
	// that the configuration does not trust, is for another host, or has expired.
	ReasonCertificateUntrusted xpv1.ConditionReason = "CertificateUntrusted"

	// ReasonCredentialsRejected means that the server does not know the credentials, or that
	// they do not belong to an administrator.
	ReasonCredentialsRejected xpv1.ConditionReason = "CredentialsRejected"

	// ReasonClockSkew means that the server rejects signatures because its clock and that of
	// the provider differ by too much.
	ReasonClockSkew xpv1.ConditionReason = "ClockSkew"

	// ReasonUnsupportedAdminAPI means that the server serves a version of the administration
	// API that the provider does not support, such as that of MinIO AIStor.
	ReasonUnsupportedAdminAPI xpv1.ConditionReason = "UnsupportedAdminAPI"

	// ReasonNoAdminAPI means that the endpoint does not serve MinIO's administration API.
	ReasonNoAdminAPI xpv1.ConditionReason = "NoAdminAPI"

	// ReasonWrongRegion means that spec.region is not the server's region, so that the server
	// would reject requests that are signed for it.
	ReasonWrongRegion xpv1.ConditionReason = "WrongRegion"

	// ReasonServerChanged means that another server answers than the one that the configuration
	// was used with before: its deployment ID is not that of the status.
	ReasonServerChanged xpv1.ConditionReason = "ServerChanged"

	// ReasonServerTooOld means that the server is older than RELEASE.2025-10-15, the oldest
	// release without known vulnerabilities that matter here.
	ReasonServerTooOld xpv1.ConditionReason = "ServerTooOld"
)
