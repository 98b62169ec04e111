package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/crossplane/function-sdk-go/errors"
	"github.com/crossplane/function-sdk-go/logging"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/resource"

	inputv1alpha1 "github.com/cistern-dev/cistern/apis/input/v1alpha1"
	"github.com/cistern-dev/cistern/fn/rules"
)

// try prints what the function composes for a new claim, without a cluster.
type try struct {
	Composition string `arg:"" type:"existingfile" help:"File of the Composition that holds the policy."`
	Claim       string `arg:"" type:"existingfile" help:"File of a Bucket of apps.cozystack.io."`

	Namespace string `type:"existingfile" help:"File of the claim's Namespace, for rules about namespaceObject. By default it has no labels."`
}

// Run prints the resources of a new claim, or fails with the message of its condition Provisioned.
func (t *try) Run() error { return t.run(context.Background(), os.Stdout) }

func (t *try) run(ctx context.Context, out io.Writer) error {
	req, err := t.request()
	if err != nil {
		return err
	}

	rsp, err := NewFunction(logging.NewNopLogger()).RunFunction(ctx, req)
	if err != nil {
		return err
	}

	if r := rsp.GetResults(); len(r) > 0 {
		return errors.Errorf("%s: %s", r[0].GetReason(), r[0].GetMessage())
	}

	resources := rsp.GetDesired().GetResources()

	for _, name := range slices.Sorted(maps.Keys(resources)) {
		b, err := yaml.Marshal(resources[name].GetResource().AsMap())
		if err != nil {
			return errors.Wrapf(err, "cannot encode %s", name)
		}

		if _, err := fmt.Fprintf(out, "---\n# %s\n%s", name, b); err != nil {
			return err
		}
	}

	return nil
}

// request returns Crossplane's request for a new claim.
func (t *try) request() (*fnv1.RunFunctionRequest, error) {
	in, err := readInput(t.Composition)
	if err != nil {
		return nil, err
	}

	claim, err := readObject(t.Claim)
	if err != nil {
		return nil, err
	}

	if err := rules.Admit(claim.Object); err != nil {
		return nil, errors.Wrapf(err, "the API server would reject %s", t.Claim)
	}

	claim.SetUID("00000000-0000-0000-0000-000000000000")

	if claim.GetNamespace() == "" {
		claim.SetNamespace(metav1.NamespaceDefault)
	}

	namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
	if t.Namespace != "" {
		if namespace, err = readObject(t.Namespace); err != nil {
			return nil, err
		}
	}

	namespace.SetName(claim.GetNamespace())

	composite, err := resource.AsStruct(claim)
	if err != nil {
		return nil, err
	}

	required, err := resource.AsStruct(namespace)
	if err != nil {
		return nil, err
	}

	return &fnv1.RunFunctionRequest{
		Input:    in,
		Observed: &fnv1.State{Composite: &fnv1.Resource{Resource: composite}},
		RequiredResources: map[string]*fnv1.Resources{
			requirementNamespace: {Items: []*fnv1.Resource{{Resource: required}}},
		},
	}, nil
}

// readInput returns the function's input from a Composition.
func readInput(file string) (*structpb.Struct, error) {
	composition, err := readObject(file)
	if err != nil {
		return nil, err
	}

	steps, _ := nested(composition.Object, "spec", "pipeline").([]any)
	for _, s := range steps {
		if s, ok := s.(map[string]any); ok {
			if in, ok := s["input"].(map[string]any); ok && in["kind"] == inputv1alpha1.InputKind.Kind {
				return structpb.NewStruct(in)
			}
		}
	}

	return nil, errors.Errorf("%s is not a Composition with a step whose input is an %s of %s",
		file, inputv1alpha1.InputKind.Kind, inputv1alpha1.InputKind.GroupVersion())
}

func readObject(file string) (*unstructured.Unstructured, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}

	u := &unstructured.Unstructured{}

	return u, errors.Wrapf(yaml.UnmarshalStrict(b, &u.Object), "cannot read %s", file)
}
