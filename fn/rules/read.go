package rules

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/runtime"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/crossplane/function-sdk-go/errors"

	inputv1alpha1 "github.com/cistern-dev/cistern/apis/input/v1alpha1"
)

// Read reads the Composition's input. An Input is never applied to an API server, so Read does what one
// would do: it sets defaults, validates, and rejects undefined fields. It also compiles the rules. The
// error lists all problems, by field or rule.
func Read(s *structpb.Struct) (*Policy, error) {
	if s == nil {
		return nil, errors.New("it is missing")
	}

	l, err := loadLanguage()
	if err != nil {
		return nil, err
	}

	a, err := loadAPIs()
	if err != nil {
		return nil, err
	}

	obj, err := decode(s)
	if err != nil {
		return nil, err
	}

	problems := a.input.admit(obj)
	p := &Policy{}
	problems = append(problems, p.addRules(l, obj, problems)...)

	in := &inputv1alpha1.Input{}
	if len(problems) == 0 {
		// Unknown fields are left in metadata only.
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(obj, in, true); err != nil {
			problems = append(problems, err.Error())
		}
	}

	if len(problems) > 0 {
		return nil, errors.New(strings.Join(problems, "; "))
	}

	p.defaultPool = in.DefaultPool
	p.addPools(l, in, obj)

	return p, nil
}

// decode decodes the input as an API server does, with integers as int64. The error says so if it is
// not an Input.
func decode(s *structpb.Struct) (map[string]any, error) {
	b, err := s.MarshalJSON()
	if err != nil {
		return nil, errors.Wrap(err, "cannot encode it")
	}

	obj := map[string]any{}
	if err := json.Unmarshal(b, &obj); err != nil {
		return nil, errors.Wrap(err, "cannot decode it")
	}

	apiVersion, _ := obj["apiVersion"].(string)
	kind, _ := obj["kind"].(string)

	if gvk := kschema.FromAPIVersionAndKind(apiVersion, kind); gvk != inputv1alpha1.InputKind {
		return nil, errors.Errorf("it is a %s %s, not a %s %s",
			apiVersion, kind, inputv1alpha1.InputKind.GroupVersion(), inputv1alpha1.InputKind.Kind)
	}

	return obj, nil
}

// addRules compiles the rules of the input, and returns their problems. It skips rules that validation
// has found invalid, such as those that are too long.
func (p *Policy) addRules(l *language, obj map[string]any, invalid []string) []string {
	var problems []string

	items, _ := obj["rules"].([]any)
	for i, item := range items {
		prefix := fmt.Sprintf("rules[%d]", i)
		if slices.ContainsFunc(invalid, func(problem string) bool {
			return strings.HasPrefix(problem, prefix+":") || strings.HasPrefix(problem, prefix+".expression") ||
				strings.HasPrefix(problem, prefix+".messageExpression")
		}) {
			continue
		}

		m, _ := item.(map[string]any)
		r := inputv1alpha1.Rule{}
		r.Name, _ = m["name"].(string)
		r.Expression, _ = m["expression"].(string)
		r.Message, _ = m["message"].(string)
		r.MessageExpression, _ = m["messageExpression"].(string)

		compiled, namespace, more := l.compile(r)
		problems = append(problems, more...)

		p.rules = append(p.rules, compiled)
		p.namespace = p.namespace || namespace
	}

	return problems
}

// addPools adds the pools of a valid input.
func (p *Policy) addPools(l *language, in *inputv1alpha1.Input, obj map[string]any) {
	items, _ := obj["pools"].([]any)
	for i, item := range items {
		m, _ := item.(map[string]any)
		p.pools = append(p.pools, newPool(l, in.Pools[i], m))
	}
}
