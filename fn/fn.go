package main

import (
	"context"
	"time"

	"github.com/crossplane/function-sdk-go/errors"
	"github.com/crossplane/function-sdk-go/logging"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/request"
	"github.com/crossplane/function-sdk-go/resource"
	"github.com/crossplane/function-sdk-go/response"

	tenant "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
)

// ttl is how long a response holds. Crossplane watches everything that could
// change it, so the next run is a safety net, not a poll.
const ttl = time.Hour

// Names of the composed resources, as Crossplane keeps them apart.
const (
	resourceBucket resource.Name = "bucket"
	resourceUser   resource.Name = "user"
	resourceSecret resource.Name = "secret"
)

// Function turns claims into managed resources and Secrets. It keeps no state.
type Function struct {
	fnv1.UnimplementedFunctionRunnerServiceServer

	log logging.Logger
}

// RunFunction composes the resources of one claim: in the first pass bucket and
// user, and once both are ready the Secret. What it cannot judge it leaves as
// it is; a refusal is a fatal result, upon which Crossplane changes nothing.
func (f *Function) RunFunction(_ context.Context, req *fnv1.RunFunctionRequest) (*fnv1.RunFunctionResponse, error) {
	f.log.Debug("Running", "tag", req.GetMeta().GetTag())

	rsp := response.To(req, ttl)

	in, err := decodeInput(req.GetInput())
	if err != nil {
		refuse(rsp, tenant.ReasonInvalidInput, errors.Wrap(err, "the Composition's input cannot be used; please tell the platform team"))
		return rsp, nil
	}

	o, err := observe(req)
	if err != nil {
		response.Fatal(rsp, err)
		return rsp, nil
	}

	pool, err := choosePool(in, o.storagePool)
	if err != nil {
		refuse(rsp, tenant.ReasonInvalidClaim, err)
		return rsp, nil
	}

	desired, err := request.GetDesiredComposedResources(req)
	if err != nil {
		response.Fatal(rsp, errors.Wrap(err, "cannot read the resources of earlier steps"))
		return rsp, nil
	}

	desired[resourceBucket] = composeBucket(o, pool)
	desired[resourceUser] = composeUser(o, pool)

	secret, err := composeSecret(o)
	if err != nil {
		response.Fatal(rsp, err)
		return rsp, nil
	}

	if secret != nil {
		desired[resourceSecret] = secret
	}

	requireSecret(rsp, o)

	if err := response.SetDesiredComposedResources(rsp, desired); err != nil {
		response.Fatal(rsp, errors.Wrap(err, "cannot return the composed resources"))
		return rsp, nil
	}

	if err := setStatus(rsp, req, o, secret); err != nil {
		response.Fatal(rsp, err)
	}

	return rsp, nil
}

// refuse says on the claim why it is refused.
func refuse(rsp *fnv1.RunFunctionResponse, reason string, err error) {
	response.ConditionFalse(rsp, tenant.ConditionProvisioned, reason).WithMessage(err.Error()).TargetComposite()
	response.Fatal(rsp, err)
}
