package main

import (
	"context"
	"maps"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/crossplane/function-sdk-go/errors"
	"github.com/crossplane/function-sdk-go/logging"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/response"

	"github.com/cistern-dev/cistern/fn/rules"
)

// Time to live of a response.
const (
	// ttl is a safety net, not a poll interval: Crossplane watches everything that can change the
	// response.
	ttl = time.Hour

	// ttlUnwatched applies while Crossplane's circuit breaker drops a claim's events, for example
	// while twenty users are being created. The breaker closes after five minutes by default, but
	// the claim's condition reports that only at the next event; unwatchedFor bounds the wait.
	ttlUnwatched = 3 * time.Second
	unwatchedFor = 6 * time.Minute
)

// Function turns claims into managed resources and Secrets. Its only state is a cache of policies.
type Function struct {
	fnv1.UnimplementedFunctionRunnerServiceServer

	log      logging.Logger
	policies *rules.Cache
	// now returns the time. It determines how long a response lives, never its content.
	now func() time.Time
}

// NewFunction returns a Function with an empty cache.
func NewFunction(log logging.Logger) *Function {
	return &Function{log: log, policies: rules.NewCache(), now: time.Now}
}

// RunFunction composes the resources of one claim: first the Bucket and the Users, and the Secrets
// once these are ready. A claim that the platform does not allow keeps its resources unchanged, except
// that existing Secrets follow their keys, and Users learn which keys these hold.
func (f *Function) RunFunction(ctx context.Context, req *fnv1.RunFunctionRequest) (*fnv1.RunFunctionResponse, error) {
	f.log.Debug("Running", "tag", req.GetMeta().GetTag())

	rsp := response.To(req, ttl)

	o, err := observe(req)
	if err != nil {
		response.Fatal(rsp, err)
		return rsp, nil
	}

	if since, unwatched := o.unwatched(); unwatched && f.now().Before(since.Add(unwatchedFor)) {
		rsp.Meta.Ttl = durationpb.New(ttlUnwatched)
	}

	p, err := f.policies.Read(req.GetInput())
	if err == nil && p.NeedsNamespace() {
		requireNamespace(rsp, o)
	}

	requireUnreferenced(rsp, o)
	requireRestored(rsp, o)

	want, why := plan(ctx, p, err, o)
	if why != nil {
		response.Warning(rsp, errors.New(why.message)).TargetComposite().WithReason(why.reason)
	}

	s, err := composeSecrets(o, want)
	if err != nil {
		response.Fatal(rsp, err)
		return rsp, nil
	}

	requireSecrets(rsp, o, s.required)
	want.setServedKeys(o, s.served)
	showRecreated(rsp, o)

	all := want.resources()
	maps.Copy(all, s.composed)
	o.removeMisnamed(all)

	if err := response.SetDesiredComposedResources(rsp, all); err != nil {
		response.Fatal(rsp, errors.Wrap(err, "cannot return the composed resources"))
		return rsp, nil
	}

	if err := setStatus(rsp, req, o, want, s, why); err != nil {
		response.Fatal(rsp, err)
	}

	return rsp, nil
}

// requireNamespace requires the claim's namespace.
func requireNamespace(rsp *fnv1.RunFunctionResponse, o *observed) {
	requireResource(rsp, requirementNamespace, &fnv1.ResourceSelector{
		ApiVersion: "v1",
		Kind:       "Namespace",
		Match:      &fnv1.ResourceSelector_MatchName{MatchName: o.namespace},
	})
}
