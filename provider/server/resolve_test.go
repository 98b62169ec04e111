package server

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/providertest"
)

// TestUnusableServers expects a server that is too old, or no MinIO, to be returned only to
// resources that are being deleted.
func TestUnusableServers(t *testing.T) {
	ctx := context.Background()

	cases := map[string]struct {
		reason   string
		endpoint string
		want     string
		always   bool
	}{
		"Usable": {
			reason:   "A usable server is returned.",
			endpoint: providertest.NewMinIO(t, providertest.Version),
		},
		"TooOld": {
			reason:   "A server that is too old is an error, from the first call on.",
			endpoint: providertest.NewMinIO(t, "2025-01-01T00:00:00Z"),
			want:     "too old",
		},
		"NoMinIO": {
			reason:   "A server that is no MinIO is an error.",
			endpoint: providertest.NewMinIO(t, `" <html>`),
			want:     "administration API",
		},
		"Unreachable": {
			reason:   "A server that does not answer is an error, also for a resource that is being deleted.",
			endpoint: "http://127.0.0.1:1",
			want:     "does not answer",
			always:   true,
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := providertest.NewSpec("")
			spec.Endpoint = tc.endpoint
			s := NewServers(providertest.NewLagging(t, providertest.NewConfig(spec), providertest.NewCredentials("team-a")))
			b := providertest.NewBucket("ProviderConfig")

			_, err := s.For(ctx, b)
			if (err != nil) != (tc.want != "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s\nFor(...): want an error with %q, got %v", tc.reason, tc.want, err)
			}

			b.DeletionTimestamp = new(metav1.Now())

			if srv, err := s.For(ctx, b); (err != nil) != tc.always || srv == nil {
				t.Errorf("%s\nFor(...): want a server for a resource that is being deleted, and an error: %t, got %v", tc.reason, tc.always, err)
			}
		})
	}
}

func TestSetLimits(t *testing.T) {
	cases := map[string]struct {
		reason string
		client *miniov1alpha1.ClientOptions
		want   minio.Config
	}{
		"Nothing": {
			reason: "A configuration without spec.client gets the CRD's defaults.",
			want:   minio.Config{Timeout: 30 * time.Second, MaxCallsInFlight: 32},
		},
		"Empty": {
			reason: "A configuration that was stored before there was a default gets it.",
			client: &miniov1alpha1.ClientOptions{},
			want:   minio.Config{Timeout: 30 * time.Second, MaxCallsInFlight: 32},
		},
		"Both": {
			reason: "Values that are set are used.",
			client: &miniov1alpha1.ClientOptions{Timeout: &metav1.Duration{Duration: time.Second}, MaxCallsInFlight: new(int32(3))},
			want:   minio.Config{Timeout: time.Second, MaxCallsInFlight: 3},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := minio.Config{}
			setLimits(&got, tc.client)

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nsetLimits(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
