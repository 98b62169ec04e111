package main

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/crossplane/function-sdk-go/errors"

	input "github.com/cistern-dev/cistern/apis/input/v1alpha1"
)

// decodeInput reads the Composition's input. Fields that it does not know are
// an error that names them: a misspelt limit must not be no limit.
func decodeInput(s *structpb.Struct) (*input.Input, error) {
	if s == nil {
		return nil, errors.New("there is none")
	}

	b, err := s.MarshalJSON()
	if err != nil {
		return nil, errors.Wrap(err, "cannot encode it")
	}

	in := &input.Input{}

	strict, err := kjson.UnmarshalStrict(b, in)
	if err != nil {
		return nil, errors.Wrap(err, "cannot decode it")
	}

	if len(strict) > 0 {
		return nil, errors.Wrap(errors.Join(strict...), "cannot decode it")
	}

	if gvk := schema.FromAPIVersionAndKind(in.APIVersion, in.Kind); gvk != input.InputKind {
		return nil, errors.Errorf("it is a %s %s, not a %s %s", in.APIVersion, in.Kind, input.InputKind.GroupVersion(), input.InputKind.Kind)
	}

	if len(in.Pools) == 0 {
		return nil, errors.New("pools is empty")
	}

	for i, p := range in.Pools {
		if p.Name == "" || p.ProviderConfigRef.Name == "" || p.ProviderConfigRef.Kind == "" {
			return nil, errors.Errorf("pools[%d] needs name, providerConfigRef.kind and providerConfigRef.name", i)
		}
	}

	if _, err := choosePool(in, ""); err != nil {
		return nil, errors.Wrap(err, "defaultPool")
	}

	return in, nil
}

// choosePool returns the pool of this name, or the default pool for none.
func choosePool(in *input.Input, name string) (input.Pool, error) {
	if name == "" {
		name = in.DefaultPool
	}

	i := slices.IndexFunc(in.Pools, func(p input.Pool) bool { return p.Name == name })
	if i < 0 {
		return input.Pool{}, errors.Errorf("storage pool %q does not exist; there is %s", name, poolNames(in))
	}

	return in.Pools[i], nil
}

func poolNames(in *input.Input) string {
	names := make([]string, 0, len(in.Pools))
	for _, p := range in.Pools {
		names = append(names, p.Name)
	}

	slices.Sort(names)

	return strings.Join(names, ", ")
}
