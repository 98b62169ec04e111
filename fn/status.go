package main

import (
	"github.com/crossplane/function-sdk-go/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/request"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/response"

	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// setStatus tells the tenant what there is, and if it is not everything yet
// then what the claim waits for.
func setStatus(rsp *fnv1.RunFunctionResponse, req *fnv1.RunFunctionRequest, o *observation, secret *resource.DesiredComposed) error {
	xr, err := request.GetDesiredCompositeResource(req)
	if err != nil {
		return errors.Wrap(err, "cannot read the claim's status of earlier steps")
	}

	endpoint := o.endpoint
	if s3, complete := o.credentials(); complete {
		endpoint = s3.Endpoint
	}

	status := map[string]string{"bucketName": o.bucketName()}
	if endpoint != "" {
		status["endpoint"] = endpoint
	}

	if secret != nil {
		status["secretName"] = secret.Resource.GetName()
	}

	for field, value := range status {
		if err := xr.Resource.SetString("status."+field, value); err != nil {
			return errors.Wrapf(err, "cannot set status.%s of the claim", field)
		}
	}

	xr.Ready = resource.ReadyTrue

	reason, message := waitsFor(o)
	if reason == "" {
		response.ConditionTrue(rsp, tenant.ConditionProvisioned, tenant.ReasonProvisioned).TargetComposite()
	} else {
		response.ConditionFalse(rsp, tenant.ConditionProvisioned, reason).WithMessage(message).TargetComposite()

		xr.Ready = resource.ReadyFalse
	}

	return errors.Wrap(response.SetDesiredCompositeResource(rsp, xr), "cannot return the claim's status")
}

// waitsFor returns reason and message of the first thing that the claim waits
// for; an empty reason if there is none.
func waitsFor(o *observation) (reason, message string) {
	_, complete := o.credentials()

	switch {
	case o.conflict:
		return tenant.ReasonSecretConflict, "Secret \"" + o.secretName() + "\" exists and is not this claim's: delete or rename it, or claim the bucket under another name"
	case !o.bucket.ready():
		return tenant.ReasonWaitingForBucket, because("waiting for the bucket", o.bucket.trouble())
	case !o.user.ready():
		return tenant.ReasonWaitingForUser, because("waiting for the access key", o.user.trouble())
	case !complete:
		return tenant.ReasonWaitingForUser, "waiting for the access key to be published"
	}

	return "", ""
}

func because(what, why string) string {
	if why == "" {
		return what
	}

	return what + ": " + why
}
