package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
)

// ConditionPurging tells of a Bucket that is being deleted how far the emptying
// of its bucket is, if that takes more than one call: with object locking. It is
// not there before. It is true while objects are being deleted, and also when
// only locked ones are left; the message says which.
const ConditionPurging xpv1.ConditionType = "Purging"

// ReasonPurging is the reason of the condition Purging.
const ReasonPurging xpv1.ConditionReason = "Purging"

// Purging returns the condition Purging with how far it is.
func Purging(message string) xpv1.Condition {
	return xpv1.Condition{
		Type: ConditionPurging, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(), Reason: ReasonPurging, Message: message,
	}
}

// Reasons of the condition Ready of managed resources, beside those of every
// Crossplane provider (Available, Creating, Deleting, Unavailable).
const (
	// ReasonDisabled says that a User is not enabled, as its spec asks.
	ReasonDisabled xpv1.ConditionReason = "Disabled"

	// ReasonUnproven says that a User's key did not do what it should on the
	// endpoint that is published with it: it was refused what a grant allows,
	// or allowed what none does, or the endpoint could not be reached.
	ReasonUnproven xpv1.ConditionReason = "Unproven"
)

// Reasons of the condition Ready of ProviderConfigs and ClusterProviderConfigs.
// The managed resources that use a configuration say the same in the message of
// their condition Synced.
const (
	// ReasonServerUsable says that the server answers, knows the credentials,
	// speaks MinIO's administration API and is not too old.
	ReasonServerUsable xpv1.ConditionReason = "ServerUsable"

	// ReasonConfigurationInvalid says that the configuration cannot be used as
	// it stands, or that something that it references is missing.
	ReasonConfigurationInvalid xpv1.ConditionReason = "ConfigurationInvalid"

	// ReasonUnreachable says that the server does not answer.
	ReasonUnreachable xpv1.ConditionReason = "Unreachable"

	// ReasonCertificateUntrusted says that nobody whom the configuration trusts
	// vouches for the server's certificate, or that it is for another host.
	ReasonCertificateUntrusted xpv1.ConditionReason = "CertificateUntrusted"

	// ReasonCredentialsRejected says that the server does not know the
	// credentials, or that they do not belong to an administrator.
	ReasonCredentialsRejected xpv1.ConditionReason = "CredentialsRejected"

	// ReasonNoAdminAPI says that what answers does not speak MinIO's
	// administration API.
	ReasonNoAdminAPI xpv1.ConditionReason = "NoAdminAPI"

	// ReasonServerTooOld says that the server is older than the oldest release
	// without known holes that matter here, RELEASE.2025-10-15.
	ReasonServerTooOld xpv1.ConditionReason = "ServerTooOld"
)
