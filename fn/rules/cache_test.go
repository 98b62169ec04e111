package rules

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
)

func TestCacheRead(t *testing.T) {
	cases := map[string]struct {
		reason string
		a, b   *structpb.Struct
		same   bool
	}{
		"Equal": {
			reason: "Equal inputs should be read once.",
			a:      parseInput(t, full),
			b:      parseInput(t, full),
			same:   true,
		},
		"EqualErrors": {
			reason: "An invalid input should be read once too.",
			a:      parseInput(t, `{kind: Input}`),
			b:      parseInput(t, `{kind: Input}`),
			same:   true,
		},
		"OtherText": {
			reason: "Inputs that differ in a string are different.",
			a:      parseInput(t, full),
			b:      parseInput(t, strings.Replace(full, "message: a", "message: b", 1)),
		},
		"OtherNumber": {
			reason: "Inputs that differ in a number are different.",
			a:      parseInput(t, full),
			b:      parseInput(t, strings.Replace(full, "expireAfterDays: 7", "expireAfterDays: 8", 1)),
		},
		"OtherBool": {
			reason: "Inputs that differ in a boolean are different.",
			a:      parseInput(t, full),
			b:      parseInput(t, strings.Replace(full, "versioning: true", "versioning: false", 1)),
		},
		"OtherOrder": {
			reason: "The order of a list matters: messages have it too.",
			a:      parseInput(t, smallest+`rules: [{name: a, expression: "false", message: a}, {name: b, expression: "false", message: b}]`),
			b:      parseInput(t, smallest+`rules: [{name: b, expression: "false", message: b}, {name: a, expression: "false", message: a}]`),
		},
		"OtherPlace": {
			reason: "Inputs with the same strings in different fields are different.",
			a:      parseInput(t, smallest+`rules: [{name: a, expression: "false", message: b}]`),
			b:      parseInput(t, smallest+`rules: [{name: b, expression: "false", message: a}]`),
		},
		"EmptyOrNot": {
			reason: "An empty list and no list are different.",
			a:      parseInput(t, smallest+"    fields: []"),
			b:      parseInput(t, smallest),
		},
		"NullOrNot": {
			reason: "A null and an empty object are different.",
			a:      parseInput(t, `{pools: null}`),
			b:      parseInput(t, `{pools: {}}`),
		},
		"NoInput": {
			reason: "No input and an empty one are different.",
			b:      &structpb.Struct{},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := NewCache()
			a, errA := c.Read(tc.a)
			b, errB := c.Read(tc.b)

			// Reading an input again creates another error.
			if same := a == b && errA == errB; same != tc.same { //nolint:errorlint // Identity is compared, not equality.
				t.Errorf("\n%s\nc.Read(...) returned the same result: want %t, got %t", tc.reason, tc.same, same)
			}
		})
	}
}

func TestCacheReadIsBounded(t *testing.T) {
	c := NewCache()
	first := parseInput(t, smallest)

	p, err := c.Read(first)
	if err != nil {
		t.Fatal(err)
	}

	for i := range 3 * cacheSize {
		if _, err := c.Read(parseInput(t, fmt.Sprintf("{kind: Other%d}", i))); err == nil {
			t.Fatal("c.Read(...) accepted an input of another kind")
		}
	}

	if got := len(c.entries); got != cacheSize {
		t.Errorf("the cache holds %d inputs, want %d", got, cacheSize)
	}

	if again, err := c.Read(first); err != nil || again == p {
		t.Errorf("c.Read(...) of an evicted input: want it read again, got the same policy, error %v", err)
	}
}

// TestCacheReadConcurrently reads the same few inputs concurrently.
func TestCacheReadConcurrently(t *testing.T) {
	c := NewCache()

	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[string]map[*Policy]bool{}
	)

	for i := range 32 {
		wg.Go(func() {
			text := fmt.Sprintf("message: %d", i%4)

			p, err := c.Read(parseInput(t, strings.Replace(full, "message: a", `message: "`+text+`"`, 1)))
			if err != nil {
				t.Errorf("c.Read(...): %v", err)
			}

			mu.Lock()
			defer mu.Unlock()

			if seen[text] == nil {
				seen[text] = map[*Policy]bool{}
			}

			seen[text][p] = true
		})
	}

	wg.Wait()

	for text, policies := range seen {
		if len(policies) != 1 {
			t.Errorf("the input with %s was read %d times", text, len(policies))
		}
	}
}
