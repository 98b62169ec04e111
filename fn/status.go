package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/request"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/resource/composed"
	"github.com/crossplane/function-sdk-go/response"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// setStatus sets the claim's status, its condition Provisioned, and whether it is ready. If why is nil
// the claim may still wait for a resource.
func setStatus(rsp *fnv1.RunFunctionResponse, req *fnv1.RunFunctionRequest, o *observed, d desired, s *secrets, why *notReady) error {
	xr, err := request.GetDesiredCompositeResource(req)
	if err != nil {
		return errors.Wrap(err, "cannot read the status that earlier steps gave the claim")
	}

	status := statusOf(o, d, s)
	if earlier, ok := xr.Resource.Object["status"].(map[string]any); ok {
		maps.Copy(earlier, status)
	} else if len(status) > 0 {
		xr.Resource.Object["status"] = status
	}

	if why == nil {
		why = d.waitsFor(s)
	}

	xr.Ready = ready(why == nil)

	if why == nil {
		response.ConditionTrue(rsp, tenantv1alpha1.ConditionProvisioned, tenantv1alpha1.ReasonProvisioned).TargetComposite()
	} else {
		response.ConditionFalse(rsp, tenantv1alpha1.ConditionProvisioned, why.reason).WithMessage(why.message).TargetComposite()
	}

	return errors.Wrap(response.SetDesiredCompositeResource(rsp, xr), "cannot return the claim's status")
}

// statusOf returns the fields of the claim's status. What describes the Secrets appears with them: each
// earlier piece would be one more write of the claim. Endpoint and region keep their previous values while the
// credentials cannot be read.
func statusOf(o *observed, d desired, s *secrets) map[string]any {
	status := map[string]any{}

	if d.bucket != nil {
		status["bucketName"] = o.bucketName()
	}

	secret := s.nameOf(resourceSecret)

	endpoint, region := o.statusText("endpoint"), o.statusText("region")
	if s3, complete := o.credentials(claimItself); complete && secret != "" {
		endpoint, region = s3.Endpoint, s3.Region
	}

	for field, value := range map[string]string{"endpoint": endpoint, "region": region, "secretName": secret} {
		if value != "" {
			status[field] = value
		}
	}

	credentials := make([]any, 0, len(d.users))
	for _, i := range d.identities() {
		credentials = append(credentials, credentialsStatus(o, d.users[i], i, s))
	}

	if len(credentials) > 0 {
		status["credentials"] = credentials
	}

	return status
}

// credentialsStatus returns the status of one identity's credentials, without empty fields.
func credentialsStatus(o *observed, want *composed.Unstructured, i identity, s *secrets) map[string]any {
	u := o.user(i)
	all := map[string]any{"user": string(i), "access": access(want.Object)}

	if u.exists() {
		all["access"] = access(u.Resource.Object)
	}

	if secret, credentials := s.nameOf(i.of(resourceSecret)), s.nameOf(i.of(resourceCredentials)); secret != "" || credentials != "" {
		all["secretName"] = secret
		all["credentialsSecretName"] = credentials
		all["accessKeyID"] = maskedKey(u)
		all["rotatedAt"] = u.field("status", "atProvider", "rotatedAt")
		all["nextRotationAt"] = u.field("status", "atProvider", "nextRotationAt")
	}

	for k, v := range all {
		if v == nil || v == "" {
			delete(all, k)
		}
	}

	return all
}

// access returns the access that a User's only grant gives; nil if it has not just one.
func access(user map[string]any) any {
	grants, _ := nested(user, "spec", "forProvider", "grants").([]any)
	if len(grants) != 1 {
		return nil
	}

	g, _ := grants[0].(map[string]any)

	return g["access"]
}

// maskedKey returns the masked ID of a User's access key, the empty string if it has none yet.
func maskedKey(u managedResource) string {
	id, _ := u.field("status", "atProvider", "accessKeyID").(string)
	if id == "" {
		return ""
	}

	return tenantv1alpha1.MaskAccessKeyID(id)
}

// nameOf returns the name of a Secret, the empty string if it is not composed.
func (s *secrets) nameOf(name resource.Name) string {
	if d := s.composed[name]; d != nil {
		return d.Resource.GetName()
	}

	return ""
}

// waitsFor returns what keeps the claim from being ready, nil if nothing does.
func (d desired) waitsFor(s *secrets) *notReady {
	if len(s.taken) > 0 {
		taken := slices.Sorted(slices.Values(s.taken))

		return &notReady{
			tenantv1alpha1.ReasonSecretConflict,
			"Secrets of these names exist and are not this claim's: " + strings.Join(taken, ", ") +
				"; delete or rename them, or claim the bucket under another name",
		}
	}

	if len(s.outdated) > 0 {
		return &notReady{tenantv1alpha1.ReasonSecretOutdated, s.outdated[0].message()}
	}

	if why := d.waits[resourceBucket]; why != "" && why != inProgress {
		return &notReady{tenantv1alpha1.ReasonWaitingForBucket, why}
	}

	waits := len(s.incomplete) > 0 || s.unknown || d.waits[resourceBucket] != ""

	for _, i := range d.identities() {
		why := d.waits[i.resource()]
		if why != "" && why != inProgress {
			return &notReady{tenantv1alpha1.ReasonWaitingForUser, why}
		}

		waits = waits || why != ""
	}

	if waits {
		return &notReady{tenantv1alpha1.ReasonProvisioning, inProgress}
	}

	return nil
}
