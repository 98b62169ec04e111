package rules

import (
	"maps"
	"slices"
	"strconv"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	apicel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/common"
)

// variable is something that rules can name.
type variable struct {
	name    string
	schema  common.Schema
	numbers *numbers
	decl    *apicel.DeclType
}

func newVariable(name string, data schema.Structural) *variable {
	s := legible(data)

	return &variable{
		name:    name,
		schema:  newKept(s),
		numbers: findNumbers(&data),
		decl:    model.SchemaDeclType(s, false).MaybeAssignTypeName("cistern." + name),
	}
}

// value returns data as CEL sees it. It reads the data only when and where a
// rule asks for it.
func (v *variable) value(data any) ref.Val {
	data, _ = v.numbers.convert(data)

	return inOrder(common.UnstructuredToVal(data, v.schema))
}

// numbers is where in some data numbers are, and as what CEL wants them. It is
// nil where there are none.
type numbers struct {
	// integer and quantity are about the data itself, fields and each about
	// what is in it.
	integer, quantity bool
	fields            map[string]*numbers
	each              *numbers
}

func findNumbers(s *schema.Structural) *numbers {
	if s == nil {
		return nil
	}

	n := &numbers{integer: s.Type == "integer", quantity: s.XIntOrString, fields: map[string]*numbers{}}

	for name, p := range s.Properties {
		if f := findNumbers(&p); f != nil {
			n.fields[name] = f
		}
	}

	switch {
	case s.Items != nil:
		n.each = findNumbers(s.Items)
	case s.AdditionalProperties != nil:
		n.each = findNumbers(s.AdditionalProperties.Structural)
	}

	if !n.integer && !n.quantity && n.each == nil && len(n.fields) == 0 {
		return nil
	}

	return n
}

// convert returns data with integers as int64, where JSON has floats only, and
// quantities as text, and whether anything changed. It copies what it changes
// and nothing else.
func (n *numbers) convert(data any) (any, bool) {
	if n == nil {
		return data, false
	}

	switch data := data.(type) {
	case float64:
		return n.number(data)
	case int64:
		if n.quantity {
			return strconv.FormatInt(data, 10), true
		}
	case map[string]any:
		return n.object(data)
	case []any:
		return n.list(data)
	}

	return data, false
}

func (n *numbers) number(f float64) (any, bool) {
	if n.quantity {
		return strconv.FormatFloat(f, 'f', -1, 64), true
	}

	if i := int64(f); n.integer && float64(i) == f {
		return i, true
	}

	return f, false
}

func (n *numbers) object(data map[string]any) (any, bool) {
	out := data
	changed := false

	convert := func(n *numbers, k string, v any) {
		v, ok := n.convert(v)
		if !ok {
			return
		}

		if !changed {
			out, changed = maps.Clone(data), true
		}

		out[k] = v
	}

	for k, f := range n.fields {
		if v, ok := data[k]; ok {
			convert(f, k, v)
		}
	}

	if n.each != nil {
		for k, v := range data {
			convert(n.each, k, v)
		}
	}

	return out, changed
}

func (n *numbers) list(data []any) (any, bool) {
	out := data
	changed := false

	for i, v := range data {
		v, ok := n.each.convert(v)
		if !ok {
			continue
		}

		if !changed {
			out, changed = slices.Clone(data), true
		}

		out[i] = v
	}

	return out, changed
}

// ordered is a map or an object whose keys come in the order of the alphabet,
// not in that of Go's maps: a message that lists users must not change from
// run to run.
type ordered struct {
	traits.Mapper
}

func inOrder(v ref.Val) ref.Val {
	if m, ok := v.(traits.Mapper); ok {
		return ordered{m}
	}

	return v
}

// Get returns the value of a key.
func (o ordered) Get(key ref.Val) ref.Val {
	return inOrder(o.Mapper.Get(key))
}

// Find returns the value of a key and whether it is there.
func (o ordered) Find(key ref.Val) (ref.Val, bool) {
	v, ok := o.Mapper.Find(key)

	return inOrder(v), ok
}

// Equal compares as the map inside does, with maps of its own type.
func (o ordered) Equal(other ref.Val) ref.Val {
	if m, ok := other.(ordered); ok {
		other = m.Mapper
	}

	return o.Mapper.Equal(other)
}

// Iterator returns the keys in order.
func (o ordered) Iterator() traits.Iterator {
	keys := make([]string, 0, 8)

	for it := o.Mapper.Iterator(); it.HasNext() == types.True; {
		// There are none for what the schema does not know.
		if k, ok := it.Next().(types.String); ok {
			keys = append(keys, string(k))
		}
	}

	slices.Sort(keys)

	return types.NewStringList(types.DefaultTypeAdapter, keys).Iterator()
}

// kept is a schema that keeps the schemas of what is in it: CEL asks for them at
// each field, and model.Structural makes them anew each time.
type kept struct {
	*model.Structural

	properties map[string]common.Schema
	items      common.Schema
	additional common.SchemaOrBool
}

func newKept(s *schema.Structural) *kept {
	k := &kept{Structural: &model.Structural{Structural: s}}

	if s.Properties != nil {
		k.properties = make(map[string]common.Schema, len(s.Properties))
		for name, p := range s.Properties {
			k.properties[name] = newKept(&p)
		}
	}

	if s.Items != nil {
		k.items = newKept(s.Items)
	}

	if a := s.AdditionalProperties; a != nil && a.Structural != nil {
		k.additional = keptOrBool{newKept(a.Structural)}
	}

	return k
}

// Properties returns the schemas of fields.
func (k *kept) Properties() map[string]common.Schema {
	return k.properties
}

// Items returns the schema of the items of a list.
func (k *kept) Items() common.Schema {
	return k.items
}

// AdditionalProperties returns the schema of the values of a map.
func (k *kept) AdditionalProperties() common.SchemaOrBool {
	return k.additional
}

type keptOrBool struct {
	values *kept
}

// Schema returns the schema of the values of a map.
func (k keptOrBool) Schema() common.Schema {
	return k.values
}

// Allows says that a map may hold values.
func (k keptOrBool) Allows() bool {
	return true
}
