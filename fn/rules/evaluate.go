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

// Facts are the data that rules are evaluated on. Numbers may be float64 throughout, as in JSON.
// Evaluate does not change the data.
type Facts struct {
	// Claim is the claim, its spec with the pool's defaults.
	Claim map[string]any

	// Namespace is the claim's namespace, a v1 Namespace. If it is nil, rules that need it fail.
	Namespace map[string]any

	// Pool is the claim's pool.
	Pool *Pool

	// Old is the claim's status before this run, nil for a new claim.
	Old map[string]any
}

// Broken is a rule that a claim breaks.
type Broken struct {
	Rule    string
	Message string
}

// Evaluate evaluates all rules, and returns those that the claim breaks, in the order of the input. The
// error names the first rule that failed.
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

		broken = append(broken, Broken{Rule: r.name, Message: r.messageFor(ctx, vars)})
	}

	// A short expression ends before it notices that the context is cancelled, and a message that
	// fails for that reason falls back to another one.
	if err := ctx.Err(); err != nil {
		return nil, errors.Wrap(err, "cannot evaluate the rules")
	}

	return broken, nil
}

// messageFor returns the message of a broken rule: its messageExpression, its message, or a default.
func (r *rule) messageFor(ctx context.Context, vars cel.Activation) string {
	if r.text != nil {
		v, _, err := r.text.ContextEval(ctx, vars)
		if text, ok := v.(types.String); err == nil && ok && valid(string(text)) {
			return string(text)
		}
	}

	if r.message != "" {
		return r.message
	}

	return "the claim breaks the rule " + r.name + " of the platform"
}

// valid reports whether a text can be a rule's message. The limits are those of Kubernetes' own
// messageExpression.
func valid(text string) bool {
	return strings.TrimSpace(text) != "" && len(text) <= celconfig.MaxEvaluatedMessageExpressionSizeBytes && !strings.ContainsAny(text, "\r\n")
}

// activation gives rules the values of variables. It converts each when a rule first uses it.
type activation struct {
	*language

	facts                             Facts
	claimVal, namespaceVal, statusVal ref.Val
}

// ResolveName returns the value of a variable, and reports whether there is one of that name.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case nameClaim:
		if a.claimVal == nil {
			spec := a.facts.Claim["spec"]
			if spec == nil {
				spec = empty
			}

			a.claimVal = a.claim.value(map[string]any{"metadata": metadataOf(a.facts.Claim), "spec": spec})
		}

		return a.claimVal, true
	case nameNamespace:
		if a.facts.Namespace == nil {
			return types.NewErr("the claim's namespace is not known"), true
		}

		if a.namespaceVal == nil {
			a.namespaceVal = a.namespace.value(map[string]any{"metadata": metadataOf(a.facts.Namespace)})
		}

		return a.namespaceVal, true
	case namePool:
		if a.facts.Pool == nil {
			return types.NewErr("the claim's pool is not known"), true
		}

		return a.facts.Pool.val, true
	case nameOld:
		if a.statusVal == nil {
			a.statusVal = a.old.value(orEmpty(a.facts.Old))
		}

		return a.statusVal, true
	default:
		return nil, false
	}
}

// Parent returns nil, because there are no other variables.
func (a *activation) Parent() cel.Activation {
	return nil
}

// empty stands for objects and maps that are not set. It must not be changed.
var empty = map[string]any{}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return empty
	}

	return m
}

// metadataOf returns the metadata of an object that rules can name. Labels and annotations are always
// set, so that rules need no has() for them.
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
