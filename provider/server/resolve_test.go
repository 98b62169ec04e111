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

// TestServersRefuse wants a server that is too old, or no MinIO, to be left
// alone by all but resources that are to go.
func TestServersRefuse(t *testing.T) {
	ctx := context.Background()

	cases := map[string]struct {
		reason   string
		endpoint string
		want     string
	}{
		"Now":   {reason: "A server that can be used is.", endpoint: providertest.NewMinIO(t, providertest.Version)},
		"Old":   {reason: "One that is too old is not, from the first call on.", endpoint: providertest.NewMinIO(t, "2025-01-01T00:00:00Z"), want: "too old"},
		"Other": {reason: "Neither is one that is no MinIO.", endpoint: providertest.NewMinIO(t, `" <html>`), want: "administration API"},
		"Away":  {reason: "One that does not answer is for its caller to find out.", endpoint: "http://127.0.0.1:1"},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := providertest.NewSpec("")
			spec.Endpoint = tc.endpoint
			s := NewServers(providertest.NewLagging(t, providertest.NewConfig(spec), providertest.NewCredentials("team-a")))
			b := providertest.NewBucket("ProviderConfig")

			_, err := s.For(ctx, b)
			if (err != nil) != (tc.want != "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s\nFor(...): want an error that says %q, got %v", tc.reason, tc.want, err)
			}

			b.DeletionTimestamp = new(metav1.Now())

			if srv, err := s.For(ctx, b); err != nil || srv == nil {
				t.Errorf("%s\nFor(...): want a server for a resource that goes, got %v", tc.reason, err)
			}
		})
	}
}

func TestBound(t *testing.T) {
	cases := map[string]struct {
		reason string
		client *miniov1alpha1.ClientOptions
		want   minio.Config
	}{
		"Nothing": {
			reason: "Configurations without the section get what the CRD says.",
			want:   minio.Config{Timeout: 30 * time.Second, MaxCallsInFlight: 32},
		},
		"Empty": {
			reason: "So do those that were stored before there was a default.",
			client: &miniov1alpha1.ClientOptions{},
			want:   minio.Config{Timeout: 30 * time.Second, MaxCallsInFlight: 32},
		},
		"Both": {
			reason: "What is set counts.",
			client: &miniov1alpha1.ClientOptions{Timeout: &metav1.Duration{Duration: time.Second}, MaxCallsInFlight: new(int32(3))},
			want:   minio.Config{Timeout: time.Second, MaxCallsInFlight: 3},
		},
	}

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := minio.Config{}
			bound(&got, tc.client)

			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nbound(...): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
