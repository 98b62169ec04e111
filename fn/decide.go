package main

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/fn/rules"
)

// notReady is why a claim is not ready: the reason and the message of its condition Provisioned.
type notReady struct{ reason, message string }

// plan returns the claim's desired state: what the claim asks for. If the platform does not allow that, plan
// returns what exists, unchanged, and why it is not allowed. invalid is the error of reading the policy, nil if
// there is a policy.
func plan(ctx context.Context, p *rules.Policy, invalid error, o *observed) (desired, *notReady) {
	if o.waitsForRestore != nil {
		return keepObserved(o), o.waitsForRestore
	}

	if invalid != nil {
		return keepObserved(o), &notReady{
			tenantv1alpha1.ReasonInvalidInput,
			"the Composition's input cannot be used; please tell the platform team: " + invalid.Error(),
		}
	}

	want, why := decide(ctx, p, o)
	if why == nil {
		want.keepUnreferenced(o)

		return want, nil
	}

	if fields := want.notApplied(o); len(fields) > 0 {
		why.message += " (not applied: " + strings.Join(fields, ", ") + ")"
	}

	return keepObserved(o), why
}

// decide returns the desired state that a claim asks for, and why the platform does not allow it, nil
// if it does. The desired state is empty if it cannot be determined.
func decide(ctx context.Context, p *rules.Policy, o *observed) (desired, *notReady) {
	asWritten, err := decode(o.spec())
	if err != nil {
		return desired{}, &notReady{tenantv1alpha1.ReasonInvalidClaim, "cannot read the claim's spec: " + err.Error()}
	}

	pool, err := p.Pool(asWritten.StoragePool)
	if err != nil {
		return desired{}, &notReady{tenantv1alpha1.ReasonInvalidClaim, err.Error()}
	}

	withDefaults := pool.WithDefaults(o.spec())

	spec, err := decode(withDefaults)
	if err != nil {
		return desired{}, &notReady{tenantv1alpha1.ReasonInvalidClaim, "cannot read the claim's spec with the pool's defaults: " + err.Error()}
	}

	want, err := compose(o, pool, spec)
	if err != nil {
		return desired{}, &notReady{tenantv1alpha1.ReasonInvalidClaim, err.Error()}
	}

	if err := pool.Check(asWritten); err != nil {
		return want, &notReady{tenantv1alpha1.ReasonInvalidClaim, err.Error()}
	}

	namespace, why := namespaceFor(p, o)
	if why != nil {
		return desired{}, why
	}

	return want, evaluate(ctx, p, rules.Facts{
		Claim:     map[string]any{"metadata": o.claim["metadata"], "spec": withDefaults},
		Namespace: namespace,
		Pool:      pool,
		Old:       o.earlierStatus(),
	})
}

// decode returns a typed spec.
func decode(spec map[string]any) (*tenantv1alpha1.BucketSpec, error) {
	s := &tenantv1alpha1.BucketSpec{}

	return s, runtime.DefaultUnstructuredConverter.FromUnstructured(spec, s)
}

// namespaceFor returns the claim's namespace, and why it is missing although a rule needs it.
func namespaceFor(p *rules.Policy, o *observed) (map[string]any, *notReady) {
	namespace, answered := o.requiredNamespace()

	switch {
	case namespace != nil || !p.NeedsNamespace():
		return namespace, nil
	case answered:
		return nil, &notReady{
			tenantv1alpha1.ReasonRuleFailed,
			"Crossplane cannot read namespace \"" + o.namespace + "\", which a rule needs; please tell the platform team",
		}
	default:
		return nil, &notReady{tenantv1alpha1.ReasonRuleFailed, "waiting for Crossplane to read the namespace, which a rule needs"}
	}
}

// evaluate returns why the rules do not allow the claim: the messages of all that it breaks, or the error of
// one that cannot be evaluated. It returns nil if the claim breaks none.
func evaluate(ctx context.Context, p *rules.Policy, f rules.Facts) *notReady {
	broken, err := p.Evaluate(ctx, f)
	if err != nil {
		return &notReady{tenantv1alpha1.ReasonRuleFailed, err.Error() + "; please tell the platform team"}
	}

	if len(broken) == 0 {
		return nil
	}

	messages := make([]string, 0, len(broken))
	for _, b := range broken {
		messages = append(messages, b.Message)
	}

	return &notReady{tenantv1alpha1.ReasonRuleBroken, strings.Join(messages, "; ")}
}
