package reconciler

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// annotationKeyReferences is the annotation that records what the references of a
// resource resolve to: a JSON object. Its members are
//
//	"<field>/<namespace>/<name>": the external name of the referenced resource
//	"<field>/<selector as JSON>": "<namespace>/<name>" of the selected resource
const annotationKeyReferences = "cistern.dev/resolved-references"

// References resolves the references of managed resources in memory: the names that they
// resolve to are seen by the kind's client and are not written to the spec.
//
// A reference is resolved in each reconcile, and wins over a name in the field that it
// fills. A selector is resolved once, as the runtime's own resolver does, unless its
// policy is Always. What both resolve to is recorded in an annotation, so that the
// resource can still be observed and deleted once the referenced resource is gone. The
// record is stored before anything is created under a resolved name.
type References struct{ kube client.Client }

// NewReferences returns References that read referenced resources through c, and store
// records through it.
func NewReferences(c client.Client) References { return References{kube: c} }

// resolver is a resource with references. angryjet generates its method.
type resolver interface {
	ResolveReferences(ctx context.Context, c client.Reader) error
}

// ResolveReferences sets the fields that references and selectors fill. Its error names the
// first required one that cannot be resolved.
func (r References) ResolveReferences(ctx context.Context, mg resource.Managed) error {
	generated, ok := mg.(resolver)
	if !ok {
		return nil
	}

	recorded := recordedReferences(mg)
	sites := referenceSites(mg)

	for _, s := range sites {
		s.prepare(recorded)
	}

	err := generated.ResolveReferences(ctx, sortedReader{r.kube})
	record := make(map[string]string)

	for _, s := range sites {
		resolved := s.value()

		s.restore()
		s.setValue(cmp.Or(resolved, recorded[s.refKey()], s.written))
		s.addTo(record)
	}

	if err != nil {
		return errors.Wrap(err, "cannot resolve references")
	}

	for _, s := range sites {
		if err := s.unresolved(); err != nil {
			return err
		}
	}

	return r.store(ctx, mg, record)
}

// Initialize sets the fields that references and selectors fill in a resource that is
// being deleted, which the runtime does not resolve. The recorded names come first: they
// are what the external resource was created with. What was never resolved stays empty.
func (r References) Initialize(ctx context.Context, mg resource.Managed) error {
	generated, ok := mg.(resolver)
	if !ok || !meta.WasDeleted(mg) {
		return nil
	}

	recorded := recordedReferences(mg)
	sites := referenceSites(mg)

	for _, s := range sites {
		s.prepare(recorded)
	}

	// The generated method resolves nothing for a resource that is being deleted.
	deleted := mg.GetDeletionTimestamp()
	mg.SetDeletionTimestamp(nil)

	// The deletion does not depend on referenced resources.
	_ = generated.ResolveReferences(ctx, sortedReader{r.kube})

	mg.SetDeletionTimestamp(deleted)

	for _, s := range sites {
		resolved := s.value()

		s.restore()
		s.setValue(cmp.Or(recorded[s.refKey()], s.written, resolved))
	}

	return nil
}

// store records what references resolve to, unless that is recorded already. If the
// resource is about to be created, the record is stored with the intent to create it.
func (r References) store(ctx context.Context, mg resource.Managed, record map[string]string) error {
	if maps.Equal(record, recordedReferences(mg)) {
		return nil
	}

	if len(record) == 0 {
		meta.RemoveAnnotations(mg, annotationKeyReferences)
	} else {
		content, err := json.Marshal(record)
		if err != nil {
			return errors.Wrap(err, "cannot encode what references resolve to")
		}

		meta.AddAnnotations(mg, map[string]string{annotationKeyReferences: string(content)})
	}

	if creationFollows(mg) {
		return nil
	}

	// kube is a change-only client: its Update stores annotations and finalizers only, not
	// the resolved spec.
	return errors.Wrap(r.kube.Update(ctx, mg), "cannot store what references resolve to")
}

// recordedReferences returns the record of a resource. An annotation that was edited by
// hand and is none counts as missing.
func recordedReferences(mg resource.Managed) map[string]string {
	record := make(map[string]string)
	if err := json.Unmarshal([]byte(mg.GetAnnotations()[annotationKeyReferences]), &record); err != nil {
		return nil
	}

	return record
}

// sortedReader lists objects in the order of their names. A cache lists them in a random
// order, and a selector takes the first.
type sortedReader struct{ client.Reader }

func (r sortedReader) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := r.Reader.List(ctx, list, opts...); err != nil {
		return err
	}

	items, err := apimeta.ExtractList(list)
	if err != nil {
		return errors.Wrap(err, "cannot sort a list")
	}

	slices.SortFunc(items, func(a, b runtime.Object) int { return cmp.Compare(nameOf(a), nameOf(b)) })

	return errors.Wrap(apimeta.SetList(list, items), "cannot sort a list")
}

func nameOf(o runtime.Object) string {
	m, err := apimeta.Accessor(o)
	if err != nil {
		return ""
	}

	return m.GetName()
}

// always is the policy of references in memory: each reconcile resolves them, and one
// that cannot be resolved does not keep the others from it.
func always() *xpv1.Policy {
	resolve, resolution := xpv1.ResolvePolicyAlways, xpv1.ResolutionPolicyOptional

	return &xpv1.Policy{Resolve: &resolve, Resolution: &resolution}
}
