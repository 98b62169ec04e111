package rules

import (
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
	name   string
	schema *cachedSchema
	decl   *apicel.DeclType
}

func newVariable(name string, data schema.Structural) *variable {
	s := newCachedSchema(&data)

	return &variable{
		name:   name,
		schema: s,
		decl:   common.SchemaDeclType(s, false).MaybeAssignTypeName("cistern." + name),
	}
}

// value returns data as CEL sees it.
func (v *variable) value(data any) ref.Val {
	return inOrder(common.UnstructuredToVal(v.schema.withNumbers(data), v.schema))
}

// sortedMap is a map or an object that iterates over its keys in alphabetical order: a message that
// lists users must be the same each time.
type sortedMap struct {
	traits.Mapper
}

func inOrder(v ref.Val) ref.Val {
	if m, ok := v.(traits.Mapper); ok {
		return sortedMap{m}
	}

	return v
}

func (s sortedMap) Get(key ref.Val) ref.Val {
	return inOrder(s.Mapper.Get(key))
}

func (s sortedMap) Find(key ref.Val) (ref.Val, bool) {
	v, ok := s.Mapper.Find(key)

	return inOrder(v), ok
}

// Equal unwraps the other map, because maps compare with maps of their own type only.
func (s sortedMap) Equal(other ref.Val) ref.Val {
	if m, ok := other.(sortedMap); ok {
		other = m.Mapper
	}

	return s.Mapper.Equal(other)
}

func (s sortedMap) Iterator() traits.Iterator {
	keys := make([]string, 0, 8)

	for it := s.Mapper.Iterator(); it.HasNext() == types.True; {
		// Fields that the schema does not define have no key.
		if k, ok := it.Next().(types.String); ok {
			keys = append(keys, string(k))
		}
	}

	slices.Sort(keys)

	return types.NewStringList(types.DefaultTypeAdapter, keys).Iterator()
}

// cachedSchema is a schema as rules see it: quantities are text, however they are written, because
// quantity() takes text only. It holds the schemas of its fields and items: CEL asks for them at each
// access, and model.Structural creates them anew each time.
type cachedSchema struct {
	*model.Structural

	properties map[string]common.Schema
	items      *cachedSchema
	values     *cachedSchema
	// quantity reports whether the data is a quantity, numbers whether there are integers or
	// quantities in it.
	quantity, numbers bool
}

func newCachedSchema(s *schema.Structural) *cachedSchema {
	c := &cachedSchema{
		Structural: &model.Structural{Structural: s},
		quantity:   s.XIntOrString,
		numbers:    s.XIntOrString || s.Type == "integer",
	}

	if s.Properties != nil {
		c.properties = make(map[string]common.Schema, len(s.Properties))
		for name, p := range s.Properties {
			field := newCachedSchema(&p)
			c.properties[name] = field
			c.numbers = c.numbers || field.numbers
		}
	}

	if s.Items != nil {
		c.items = newCachedSchema(s.Items)
		c.numbers = c.numbers || c.items.numbers
	}

	if a := s.AdditionalProperties; a != nil && a.Structural != nil {
		c.values = newCachedSchema(a.Structural)
		c.numbers = c.numbers || c.values.numbers
	}

	return c
}

// withNumbers returns data with the numbers that CEL expects: integers as int64, where JSON has
// float64, and quantities as text. It copies what may hold numbers, and shares the rest.
func (c *cachedSchema) withNumbers(data any) any {
	if c == nil || !c.numbers {
		return data
	}

	switch data := data.(type) {
	case map[string]any:
		out := make(map[string]any, len(data))
		for k, v := range data {
			out[k] = c.field(k).withNumbers(v)
		}

		return out
	case []any:
		out := make([]any, 0, len(data))
		for _, v := range data {
			out = append(out, c.items.withNumbers(v))
		}

		return out
	case int64:
		if c.quantity {
			return strconv.FormatInt(data, 10)
		}
	case float64:
		if c.quantity {
			return strconv.FormatFloat(data, 'f', -1, 64)
		}

		if i := int64(data); float64(i) == data {
			return i
		}
	}

	return data
}

// field returns the schema of a field of an object, or of the values of a map; nil if there is none.
func (c *cachedSchema) field(name string) *cachedSchema {
	if p, ok := c.properties[name].(*cachedSchema); ok {
		return p
	}

	return c.values
}

func (c *cachedSchema) IsXIntOrString() bool { return false }

func (c *cachedSchema) Type() string {
	if c.quantity {
		return "string"
	}

	return c.Structural.Type()
}

func (c *cachedSchema) Properties() map[string]common.Schema { return c.properties }

func (c *cachedSchema) Items() common.Schema {
	if c.items == nil {
		return nil
	}

	return c.items
}

func (c *cachedSchema) AdditionalProperties() common.SchemaOrBool {
	if c.values == nil {
		return nil
	}

	return mapValues{c.values}
}

// mapValues is the schema of the values of a map.
type mapValues struct{ schema *cachedSchema }

func (m mapValues) Schema() common.Schema { return m.schema }

func (m mapValues) Allows() bool { return true }
