package reconciler

import (
	"context"
	"encoding/json"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// operation is one operation of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// patchMetadata stores the annotations and finalizers of an object, and nothing else of
// it. It fails with a conflict unless the API server has the version of the object that
// was read. Of the object in memory it changes the version only.
//
// An update of the whole object would write the spec too: in canonical form, as defaults
// and empty fields are encoded, and with what references resolve to. The provider would
// then own fields that belong to the writer of the spec, whose next server-side apply
// would conflict.
func patchMetadata(ctx context.Context, c client.Client, obj client.Object) error {
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return errors.Wrapf(err, "cannot store the metadata of %q", obj.GetName())
	}

	// "add" replaces a member that exists.
	patch, err := json.Marshal([]operation{
		{Op: "replace", Path: "/metadata/resourceVersion", Value: obj.GetResourceVersion()},
		{Op: "add", Path: "/metadata/annotations", Value: orEmpty(obj.GetAnnotations())},
		{Op: "add", Path: "/metadata/finalizers", Value: append([]string{}, obj.GetFinalizers()...)},
	})
	if err != nil {
		return errors.Wrapf(err, "cannot encode the metadata of %q", obj.GetName())
	}

	stored := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: obj.GetName(), Namespace: obj.GetNamespace()}}
	stored.SetGroupVersionKind(gvk)

	if err := c.Patch(ctx, stored, client.RawPatch(types.JSONPatchType, patch)); err != nil {
		return err
	}

	obj.SetResourceVersion(stored.GetResourceVersion())
	// An update that follows must not bring back who owned which field before.
	obj.SetManagedFields(nil)

	return nil
}

// orEmpty returns m, or an empty map if m is nil, which JSON would encode as null.
func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}

	return m
}
