package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/request"
	"github.com/crossplane/function-sdk-go/resource"
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

// statusOf returns the fields of the claim's status. Endpoint and region keep their previous values
// while the credentials cannot be read.
func statusOf(o *observed, d desired, s *secrets) map[string]any {
	status := map[string]any{}

	if d.bucket != nil {
		status["bucketName"] = o.bucketName()
	}

	endpoint, region := o.statusText("endpoint"), o.statusText("region")
	if s3, complete := o.credentials(claimItself); complete {
		endpoint, region = s3.Endpoint, s3.Region
	}

	for field, value := range map[string]string{"endpoint": endpoint, "region": region, "secretName": s.nameOf(resourceSecret)} {
		if value != "" {
			status[field] = value
		}
	}

	var credentials []any

	for _, i := range d.identities() {
		if u := o.user(i); u.exists() {
			credentials = append(credentials, credentialsStatus(u, i, s))
		}
	}

	if len(credentials) > 0 {
		status["credentials"] = credentials
	}

	return status
}

// credentialsStatus returns the status of one identity's credentials, without empty fields.
func credentialsStatus(u managedResource, i identity, s *secrets) map[string]any {
	all := map[string]any{
		"user":                  string(i),
		"secretName":            s.nameOf(i.of(resourceSecret)),
		"credentialsSecretName": s.nameOf(i.of(resourceCredentials)),
		"accessKeyID":           u.field("status", "atProvider", "accessKeyID"),
		"rotatedAt":             u.field("status", "atProvider", "rotatedAt"),
		"nextRotationAt":        u.field("status", "atProvider", "nextRotationAt"),
	}

	if grants, ok := u.field("spec", "forProvider", "grants").([]any); ok && len(grants) == 1 {
		if g, ok := grants[0].(map[string]any); ok {
			all["access"] = g["access"]
		}
	}

	for k, v := range all {
		if v == nil || v == "" {
			delete(all, k)
		}
	}

	return all
}

// nameOf returns the name of a Secret, the empty string if it is not composed.
func (s *secrets) nameOf(name resource.Name) string {
	if d := s.composed[name]; d != nil {
		return d.Resource.GetName()
	}

	return ""
}

// waitsFor returns the first thing that the claim waits for, nil if it waits for nothing.
func (d desired) waitsFor(s *secrets) *notReady {
	if len(s.taken) > 0 {
		taken := slices.Sorted(slices.Values(s.taken))

		return &notReady{
			tenantv1alpha1.ReasonSecretConflict,
			"Secrets of these names exist and are not this claim's: " + strings.Join(taken, ", ") +
				"; delete or rename them, or claim the bucket under another name",
		}
	}

	if why := d.waits[resourceBucket]; why != "" {
		return &notReady{tenantv1alpha1.ReasonWaitingForBucket, why}
	}

	for _, i := range d.identities() {
		if why := d.waits[i.resource()]; why != "" {
			return &notReady{tenantv1alpha1.ReasonWaitingForUser, why}
		}
	}

	if len(s.incomplete) > 0 {
		return &notReady{tenantv1alpha1.ReasonWaitingForUser, "waiting for " + s.incomplete[0].description() + " to be published"}
	}

	if s.unknown {
		return &notReady{tenantv1alpha1.ReasonWaitingForUser, "waiting for Crossplane to check whether the names of the Secrets are free"}
	}

	return nil
}
