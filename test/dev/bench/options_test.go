package bench

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestComplete(t *testing.T) {
	full := Options{}.complete()
	quick := Options{Quick: true}.complete()

	for name, o := range map[string]Options{"full": full, "quick": quick} {
		if o.Latency == 0 || len(o.Claims) == 0 || len(o.Resources) < 2 || o.Rotation == 0 || o.Calls == 0 || o.PollInterval == 0 {
			t.Errorf("%s: want a default for every size, and two numbers of resources for a slope: got %+v", name, o)
		}

		if o.Window < 2*o.PollInterval {
			t.Errorf("%s: want a window of at least two poll intervals of %s, got %s", name, o.PollInterval, o.Window)
		}
	}

	given := Options{Quick: true, Latency: 3, Claims: []int{7}, Window: time.Hour}
	want := quick
	want.Latency, want.Claims, want.Window = 3, []int{7}, time.Hour

	if diff := cmp.Diff(want, given.complete()); diff != "" {
		t.Errorf("complete(): options that are set must stay: -want, +got:\n%s", diff)
	}
}

// TestEncryption checks that `make unit` builds with the provider's encryption.
func TestEncryption(t *testing.T) {
	if err := checkEncryption(); err != nil {
		t.Error(err)
	}
}
