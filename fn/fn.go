package main

import (
	"context"
	"maps"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/crossplane/function-sdk-go/errors"
	"github.com/crossplane/function-sdk-go/logging"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/response"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/fn/rules"
)

// How long a response holds.
const (
	// ttl is a safety net, not a poll: Crossplane watches everything that could
	// change the response.
	ttl = time.Hour

	// ttlUnwatched is for a claim of which so much changed at once that
	// Crossplane has stopped to listen, such as one with twenty users that are
	// being made. It listens again after unwatchedFor, five minutes by default,
	// but says so only once it hears something.
	ttlUnwatched = 3 * time.Second
	unwatchedFor = 6 * time.Minute
)

// Function turns claims into managed resources and Secrets. It keeps no state
// but inputs that it has read before.
type Function struct {
	fnv1.UnimplementedFunctionRunnerServiceServer

	log      logging.Logger
	policies *rules.Cache
	// now is the time, which says how long a response holds, never what is in it.
	now func() time.Time
}

// NewFunction returns a Function.
func NewFunction(log logging.Logger) *Function {
	return &Function{log: log, policies: rules.NewCache(), now: time.Now}
}

// RunFunction composes the resources of one claim: in the first pass bucket and
// users, and once these are ready the Secrets. A claim that the platform refuses
// is kept as it is: nothing is made, changed or deleted but Secrets, which follow
// their keys.
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

	c, refusal := f.plan(ctx, req, rsp, o)
	if refusal != nil {
		response.Warning(rsp, errors.New(refusal.message)).TargetComposite().WithReason(refusal.reason)
	}

	s, err := composeSecrets(o, c)
	if err != nil {
		response.Fatal(rsp, err)
		return rsp, nil
	}

	requireSecrets(rsp, o, s.asking)

	all := c.resources()
	maps.Copy(all, s.composed)

	if err := response.SetDesiredComposedResources(rsp, all); err != nil {
		response.Fatal(rsp, errors.Wrap(err, "cannot return the composed resources"))
		return rsp, nil
	}

	if err := setStatus(rsp, req, o, c, s, refusal); err != nil {
		response.Fatal(rsp, err)
	}

	return rsp, nil
}

// refusal says why a claim is kept as it is.
type refusal struct{ reason, message string }

// plan returns what is to become of the claim: what it asks for, or, with a
// refusal, what there is.
func (f *Function) plan(ctx context.Context, req *fnv1.RunFunctionRequest, rsp *fnv1.RunFunctionResponse, o *observation) (composition, *refusal) {
	p, err := f.policies.Read(req.GetInput())
	if err != nil {
		return keepAll(o), &refusal{tenantv1alpha1.ReasonInvalidInput, "the Composition's input cannot be used; please tell the platform team: " + err.Error()}
	}

	if p.NeedsNamespace() {
		requireNamespace(rsp, o)
	}

	asWritten := &tenantv1alpha1.BucketSpec{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.spec(), asWritten); err != nil {
		return keepAll(o), &refusal{tenantv1alpha1.ReasonInvalidClaim, "cannot read the claim's spec: " + err.Error()}
	}

	pool, err := p.Pool(asWritten.StoragePool)
	if err != nil {
		return keepAll(o), &refusal{tenantv1alpha1.ReasonInvalidClaim, err.Error()}
	}

	spec := pool.WithDefaults(o.spec())
	c := compose(o, pool, spec)

	if err := pool.Check(asWritten); err != nil {
		return keepAll(o), refuse(o, c, tenantv1alpha1.ReasonInvalidClaim, err.Error())
	}

	namespace, asked := o.requiredNamespace()
	if p.NeedsNamespace() && namespace == nil {
		message := "waiting for the namespace, which a rule asks about"
		if asked {
			message = "Crossplane cannot read namespace \"" + o.namespace + "\", which a rule asks about; please tell the platform team"
		}

		return keepAll(o), &refusal{tenantv1alpha1.ReasonRuleFailed, message}
	}

	old, _ := o.claim["status"].(map[string]any)

	broken, err := p.Judge(ctx, rules.Facts{
		Claim:     map[string]any{"metadata": o.claim["metadata"], "spec": spec},
		Namespace: namespace,
		Pool:      pool,
		Old:       old,
	})
	if err != nil {
		return keepAll(o), refuse(o, c, tenantv1alpha1.ReasonRuleFailed, err.Error()+"; please tell the platform team")
	}

	if len(broken) > 0 {
		messages := make([]string, 0, len(broken))
		for _, b := range broken {
			messages = append(messages, b.Message)
		}

		return keepAll(o), refuse(o, c, tenantv1alpha1.ReasonRuleBroken, strings.Join(messages, "; "))
	}

	return c, nil
}

// refuse returns a refusal of what was to become of a claim, which says what of
// it is not applied.
func refuse(o *observation, c composition, reason, message string) *refusal {
	if fields := c.notApplied(o); len(fields) > 0 {
		message += " (not applied: " + strings.Join(fields, ", ") + ")"
	}

	return &refusal{reason, message}
}

// requireNamespace asks Crossplane for the claim's namespace.
func requireNamespace(rsp *fnv1.RunFunctionResponse, o *observation) {
	requireResource(rsp, requirementNamespace, &fnv1.ResourceSelector{
		ApiVersion: "v1",
		Kind:       "Namespace",
		Match:      &fnv1.ResourceSelector_MatchName{MatchName: o.namespace},
	})
}
