package rules

import (
	"context"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/crossplane/function-sdk-go/errors"
)

// Facts are what a claim is judged by. Numbers may be float64 throughout, as
// they are in JSON. Nothing of it is changed.
type Facts struct {
	// Claim is the whole claim; spec with the defaults of the pool filled in.
	Claim map[string]any

	// Namespace is the claim's namespace, a v1 Namespace. Rules that ask for it
	// cannot be judged without.
	Namespace map[string]any

	// Pool of the claim.
	Pool *Pool

	// Old is the claim's status. It may be nil.
	Old map[string]any
}

// Broken is a rule that a claim breaks.
type Broken struct {
	Rule    string
	Message string
}

// Evaluate evaluates a claim by all rules, and returns those that it breaks in the
// order of the input. With an error, which names the rule that could not be
// judged, nothing is known about the claim.
func (p *Policy) Evaluate(ctx context.Context, f Facts) ([]Broken, error) {
	if len(p.rules) == 0 {
		return nil, nil
	}

	l, err := loadLanguage()
	if err != nil {
		return nil, err
	}

	vars := &activation{language: l, facts: f}

	var broken []Broken

	for _, r := range p.rules {
		holds, _, err := r.holds.ContextEval(ctx, vars)
		if err != nil {
			return nil, errors.Wrapf(err, "cannot evaluate rule %q", r.name)
		}

		if holds == types.True {
			continue
		}

		broken = append(broken, Broken{Rule: r.name, Message: r.say(ctx, vars)})
	}

	// Short expressions do not notice, nor does a message that fails for it.
	if err := ctx.Err(); err != nil {
		return nil, errors.Wrap(err, "cannot evaluate the rules")
	}

	return broken, nil
}

// say returns the rule's message.
func (r *rule) say(ctx context.Context, vars cel.Activation) string {
	if r.says != nil {
		v, _, err := r.says.ContextEval(ctx, vars)
		if text, ok := v.(types.String); err == nil && ok && fit(string(text)) {
			return string(text)
		}
	}

	if r.message != "" {
		return r.message
	}

	return "the claim breaks the rule " + r.name + " of the platform"
}

// fit says whether a rule may say this. Kubernetes has the same bounds for
// messages.
func fit(text string) bool {
	return strings.TrimSpace(text) != "" && len(text) <= celconfig.MaxEvaluatedMessageExpressionSizeBytes && !strings.ContainsAny(text, "\r\n")
}

// activation gives the rules what they name, made when it is first asked for.
type activation struct {
	*language

	facts                       Facts
	claimed, namespaced, before ref.Val
}

// ResolveName returns the value of a variable.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case nameClaim:
		if a.claimed == nil {
			spec := a.facts.Claim["spec"]
			if spec == nil {
				spec = empty
			}

			a.claimed = a.claim.value(map[string]any{"metadata": metadataOf(a.facts.Claim), "spec": spec})
		}

		return a.claimed, true
	case nameNamespace:
		if a.facts.Namespace == nil {
			return types.NewErr("the claim's namespace is not known"), true
		}

		if a.namespaced == nil {
			a.namespaced = a.namespace.value(map[string]any{"metadata": metadataOf(a.facts.Namespace)})
		}

		return a.namespaced, true
	case namePool:
		if a.facts.Pool == nil {
			return types.NewErr("the claim's pool is not known"), true
		}

		return a.facts.Pool.val, true
	case nameOld:
		if a.before == nil {
			a.before = a.old.value(orEmpty(a.facts.Old))
		}

		return a.before, true
	default:
		return nil, false
	}
}

// Parent returns nil: there are no other variables.
func (a *activation) Parent() cel.Activation {
	return nil
}

// empty is for what is not there and must not be changed.
var empty = map[string]any{}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return empty
	}

	return m
}

// metadataOf returns the metadata of an object, always with labels and
// annotations: rules should not fail for want of any.
func metadataOf(object map[string]any) map[string]any {
	m, _ := object["metadata"].(map[string]any)
	out := map[string]any{"labels": empty, "annotations": empty}

	for _, k := range []string{"name", "namespace", "labels", "annotations"} {
		if v := m[k]; v != nil {
			out[k] = v
		}
	}

	return out
}
