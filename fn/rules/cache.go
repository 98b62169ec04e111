package rules

import (
	"maps"
	"slices"
	"sync"

	"google.golang.org/protobuf/types/known/structpb"
)

// cacheSize is how many policies a Cache holds. A Composition has one at a time, and for a while
// that of its previous revision too.
const cacheSize = 16

// Cache holds the policies of the inputs that were read most recently. It is safe for concurrent
// use.
type Cache struct {
	mu sync.Mutex
	// entries are sorted by their last use, the latest first.
	entries []entry
}

type entry struct {
	input *structpb.Struct
	read  func() (*Policy, error)
}

// NewCache returns an empty Cache.
func NewCache() *Cache { return &Cache{} }

// Read reads an input like the function Read, but each input only once: equal inputs return the
// same policy, or the same error.
func (c *Cache) Read(s *structpb.Struct) (*Policy, error) {
	if s == nil {
		return Read(nil)
	}

	// Concurrent readers of the same input wait for one Read; readers of other inputs do not.
	return c.entry(s).read()
}

func (c *Cache) entry(s *structpb.Struct) entry {
	c.mu.Lock()
	defer c.mu.Unlock()

	var e entry

	same := func(e entry) bool { return maps.EqualFunc(e.input.GetFields(), s.GetFields(), equal) }
	if i := slices.IndexFunc(c.entries, same); i >= 0 {
		e = c.entries[i]
		c.entries = slices.Delete(c.entries, i, i+1)
	} else {
		e = entry{input: s, read: sync.OnceValues(func() (*Policy, error) { return Read(s) })}
	}

	c.entries = slices.Insert(c.entries, 0, e)
	if len(c.entries) > cacheSize {
		c.entries = slices.Delete(c.entries, cacheSize, len(c.entries))
	}

	return e
}

// equal reports whether two values are equal. It is written out because proto.Equal uses
// reflection: it would take about a tenth of the time of a run of the function.
func equal(a, b *structpb.Value) bool {
	switch a := a.GetKind().(type) {
	case *structpb.Value_StructValue:
		b, ok := b.GetKind().(*structpb.Value_StructValue)
		return ok && maps.EqualFunc(a.StructValue.GetFields(), b.StructValue.GetFields(), equal)
	case *structpb.Value_ListValue:
		b, ok := b.GetKind().(*structpb.Value_ListValue)
		return ok && slices.EqualFunc(a.ListValue.GetValues(), b.ListValue.GetValues(), equal)
	case *structpb.Value_StringValue:
		b, ok := b.GetKind().(*structpb.Value_StringValue)
		return ok && a.StringValue == b.StringValue
	case *structpb.Value_NumberValue:
		b, ok := b.GetKind().(*structpb.Value_NumberValue)
		return ok && a.NumberValue == b.NumberValue
	case *structpb.Value_BoolValue:
		b, ok := b.GetKind().(*structpb.Value_BoolValue)
		return ok && a.BoolValue == b.BoolValue
	case *structpb.Value_NullValue:
		_, ok := b.GetKind().(*structpb.Value_NullValue)
		return ok
	default:
		return b.GetKind() == nil
	}
}
