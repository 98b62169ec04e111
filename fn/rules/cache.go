package rules

import (
	"hash/maphash"
	"math"
	"sync"

	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/utils/lru"
)

// cached is how many policies a Cache keeps: a Composition has one at a time,
// and for a while that of the revision before.
const cached = 16

// Cache keeps the policies of the inputs that were read last. It is safe for
// concurrent use.
type Cache struct {
	mu   sync.Mutex
	seed maphash.Seed
	read *lru.Cache
}

// NewCache returns an empty Cache.
func NewCache() *Cache {
	return &Cache{seed: maphash.MakeSeed(), read: lru.New(cached)}
}

// Read is as the function Read, but reads each input once: equal inputs give the
// same policy, or the same error.
func (c *Cache) Read(s *structpb.Struct) (*Policy, error) {
	if s == nil {
		return Read(nil)
	}

	return c.entry(s)()
}

func (c *Cache) entry(s *structpb.Struct) func() (*Policy, error) {
	key := c.sum(structpb.NewStructValue(s))

	c.mu.Lock()
	defer c.mu.Unlock()

	if e, ok := c.read.Get(key); ok {
		return e.(func() (*Policy, error)) //nolint:forcetypeassert // Nothing else is added below.
	}

	// Who comes while it is being read waits for it, and nobody else does.
	e := sync.OnceValues(func() (*Policy, error) { return Read(s) })
	c.read.Add(key, e)

	return e
}

// sum returns a hash of a value by its content. The seed is random and never
// leaves the process, so nobody can make two inputs with the same sum but by
// chance, which is one in 2^60 with this many entries.
func (c *Cache) sum(v *structpb.Value) uint64 {
	switch k := v.GetKind().(type) {
	case *structpb.Value_BoolValue:
		if k.BoolValue {
			return c.mix('b', 1, 0)
		}

		return c.mix('b', 0, 0)
	case *structpb.Value_NumberValue:
		return c.mix('n', math.Float64bits(k.NumberValue), 0)
	case *structpb.Value_StringValue:
		return c.mix('s', maphash.String(c.seed, k.StringValue), 0)
	case *structpb.Value_ListValue:
		h := uint64(0)
		for _, item := range k.ListValue.GetValues() {
			h = c.mix('i', h, c.sum(item))
		}

		return c.mix('l', h, 0)
	case *structpb.Value_StructValue:
		// A sum does not depend on the order of the fields, which is none.
		h := uint64(0)
		for name, field := range k.StructValue.GetFields() {
			h += c.mix('f', maphash.String(c.seed, name), c.sum(field))
		}

		return c.mix('o', h, uint64(len(k.StructValue.GetFields())))
	case *structpb.Value_NullValue:
		return c.mix('0', 0, 0)
	default:
		return c.mix('?', 0, 0)
	}
}

func (c *Cache) mix(kind byte, a, b uint64) uint64 {
	return maphash.Comparable(c.seed, [3]uint64{uint64(kind), a, b})
}
