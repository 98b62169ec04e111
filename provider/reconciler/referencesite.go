package reconciler

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

var (
	typeReference = reflect.TypeFor[*xpv1.NamespacedReference]()
	typeSelector  = reflect.TypeFor[*xpv1.NamespacedSelector]()
)

// referenceSite is a place in a spec where a reference or a selector gives a name: the
// fields fooRef and fooSelector next to fooName, or to foo.
type referenceSite struct {
	// path of the struct that holds the fields, such as spec.forProvider.grants[0].
	path string
	// ref and selector are the names of the fields in JSON.
	ref, selector string
	// namespace of the resource.
	namespace string

	name, refField, selectorField reflect.Value

	// written, writtenRef and writtenSelector are the fields as in the spec.
	written         string
	writtenRef      *xpv1.NamespacedReference
	writtenSelector *xpv1.NamespacedSelector
	// taken is the reference that the name was taken from; nil if there is none.
	taken *xpv1.NamespacedReference
}

// referenceSites returns the sites of a resource at which a reference or selector is set.
func referenceSites(mg resource.Managed) []*referenceSite {
	var sites []*referenceSite

	spec := reflect.ValueOf(mg).Elem().FieldByName("Spec")
	if spec.IsValid() {
		walk("spec", spec, func(s *referenceSite) {
			s.namespace = mg.GetNamespace()
			sites = append(sites, s)
		})
	}

	return sites
}

// walk calls visit for each site below v, in order.
func walk(path string, v reflect.Value, visit func(*referenceSite)) {
	switch v.Kind() { //nolint:exhaustive // The others hold no references.
	case reflect.Pointer:
		if !v.IsNil() {
			walk(path, v.Elem(), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i), visit)
		}
	case reflect.Struct:
		for f, field := range v.Fields() {
			if !f.IsExported() {
				continue
			}

			if f.Type == typeReference {
				if s := newReferenceSite(path, v, f); s != nil {
					visit(s)
				}

				continue
			}

			below := path
			if !f.Anonymous {
				below += "." + jsonName(f)
			}

			walk(below, field, visit)
		}
	}
}

// newReferenceSite returns the site of a field with a reference, and nil if neither that
// nor a selector is set.
func newReferenceSite(path string, parent reflect.Value, ref reflect.StructField) *referenceSite {
	base, isRef := strings.CutSuffix(ref.Name, "Ref")
	selector, hasSelector := parent.Type().FieldByName(base + "Selector")

	name := parent.FieldByName(base + "Name")
	if !name.IsValid() {
		name = parent.FieldByName(base)
	}

	if !isRef || !hasSelector || selector.Type != typeSelector || !name.IsValid() {
		return nil
	}

	s := &referenceSite{
		path: path, ref: jsonName(ref), selector: jsonName(selector),
		name: name, refField: parent.FieldByIndex(ref.Index), selectorField: parent.FieldByIndex(selector.Index),
	}
	s.written = s.value()
	s.writtenRef, _ = reflect.TypeAssert[*xpv1.NamespacedReference](s.refField)
	s.writtenSelector, _ = reflect.TypeAssert[*xpv1.NamespacedSelector](s.selectorField)

	if s.writtenRef == nil && s.writtenSelector == nil {
		return nil
	}

	return s
}

// jsonName returns the name of a field in JSON.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")

	return name
}

// value returns the name that the site holds.
func (s *referenceSite) value() string {
	v := s.name
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}

		v = v.Elem()
	}

	return v.String()
}

func (s *referenceSite) setValue(name string) {
	switch {
	case s.name.Kind() != reflect.Pointer:
		s.name.SetString(name)
	case name == "":
		s.name.SetZero()
	default:
		s.name.Set(reflect.ValueOf(&name))
	}
}

// prepare makes the generated method resolve the site whatever name it holds: by the
// reference of the spec, or by the one that its selector has selected, or by the selector.
func (s *referenceSite) prepare(recorded map[string]string) {
	ref := s.writtenRef
	if s.selectsAlways() {
		ref = nil
	} else if ref == nil {
		ref = reference(recorded[s.selectorKey()])
	}

	var selector *xpv1.NamespacedSelector

	if ref != nil {
		s.taken = ref
		ref = &xpv1.NamespacedReference{Name: ref.Name, Namespace: ref.Namespace, Policy: always()}
	} else {
		selector = s.writtenSelector.DeepCopy()
		selector.Policy = always()
	}

	s.refField.Set(reflect.ValueOf(ref))
	s.selectorField.Set(reflect.ValueOf(selector))
}

// restore brings back the reference and the selector of the spec. Only a reference that
// the selector has selected stays.
func (s *referenceSite) restore() {
	if selected, _ := reflect.TypeAssert[*xpv1.NamespacedReference](s.refField); s.taken == nil && selected != nil {
		s.taken = &xpv1.NamespacedReference{Name: selected.Name, Namespace: selected.Namespace}
	}

	ref := s.writtenRef
	if ref == nil || s.selectsAlways() {
		ref = s.taken
	}

	s.refField.Set(reflect.ValueOf(ref))
	s.selectorField.Set(reflect.ValueOf(s.writtenSelector))
}

// addTo adds what the site resolves to to a record.
func (s *referenceSite) addTo(record map[string]string) {
	if s.taken == nil || s.value() == "" {
		return
	}

	record[s.refKey()] = s.value()

	if s.writtenRef == nil && !s.selectsAlways() {
		record[s.selectorKey()] = s.target()
	}
}

// unresolved returns an error if the site must have a name and has none.
func (s *referenceSite) unresolved() error {
	switch {
	case s.value() != "":
		return nil
	case s.writtenRef != nil && !s.selectsAlways():
		if s.writtenRef.Policy.IsResolutionPolicyOptional() {
			return nil
		}

		return errors.Errorf("cannot resolve %s.%s: %q does not exist, or has no external name yet", s.path, s.ref, s.target())
	case s.writtenSelector.Policy.IsResolutionPolicyOptional():
		return nil
	default:
		return errors.Errorf("cannot resolve %s.%s: no resource that it selects exists and has an external name", s.path, s.selector)
	}
}

// selectsAlways reports whether the selector is to be resolved in each reconcile.
func (s *referenceSite) selectsAlways() bool {
	return s.writtenSelector != nil && s.writtenSelector.Policy.IsResolvePolicyAlways()
}

// target returns namespace and name of the resource that the name is taken from.
func (s *referenceSite) target() string {
	namespace := s.taken.Namespace
	if namespace == "" {
		namespace = s.namespace
	}

	return namespace + "/" + s.taken.Name
}

// refKey returns the key of the referenced resource in a record; empty if there is none.
func (s *referenceSite) refKey() string {
	if s.taken == nil {
		return ""
	}

	return s.ref + "/" + s.target()
}

// selectorKey returns the key of the selector in a record; empty if there is none.
func (s *referenceSite) selectorKey() string {
	if s.writtenSelector == nil {
		return ""
	}

	selector := s.writtenSelector.DeepCopy()
	selector.Policy = nil

	content, err := json.Marshal(selector)
	if err != nil {
		return ""
	}

	return s.selector + "/" + string(content)
}

// reference returns the reference to namespace/name, or nil for an empty text.
func reference(target string) *xpv1.NamespacedReference {
	namespace, name, found := strings.Cut(target, "/")
	if !found {
		return nil
	}

	return &xpv1.NamespacedReference{Namespace: namespace, Name: name}
}
