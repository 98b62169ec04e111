package manager

import (
	"context"
	"errors"
	"maps"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crossplane/crossplane-runtime/v2/apis/changelogs/proto/v1alpha1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// service is a change log service.
type service struct {
	v1alpha1.UnimplementedChangeLogServiceServer

	entries chan *v1alpha1.ChangeLogEntry
}

func (s *service) SendChangeLog(_ context.Context, r *v1alpha1.SendChangeLogRequest) (*v1alpha1.SendChangeLogResponse, error) {
	s.entries <- r.GetEntry()

	return &v1alpha1.SendChangeLogResponse{}, nil
}

func parse(t *testing.T, args ...string) *Flags {
	t.Helper()

	c := &Flags{}

	p, err := kong.New(c, options("A provider.")...)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := p.Parse(args); err != nil {
		t.Fatalf("Parse(%v): %v", args, err)
	}

	return c
}

// TestChangeLogs sends a change to a real service on a socket.
func TestChangeLogs(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "changelogs.sock")

	c := parse(t, "--enable-changelogs", "--changelogs-socket-path", socket)

	// The sidecar may start later than the provider.
	changes, err := c.changeLogger("provider-minio")
	if err != nil || changes == nil {
		t.Fatalf("changeLogger(...): %v, %v", changes, err)
	}

	o := c.options(logging.NewNopLogger(), changes)
	if !o.Features.Enabled(feature.EnableAlphaChangeLogs) || o.ChangeLogOptions == nil {
		t.Fatal("options(...): want change logs to be on")
	}

	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}

	s := &service{entries: make(chan *v1alpha1.ChangeLogEntry, 1)}
	srv := grpc.NewServer()
	v1alpha1.RegisterChangeLogServiceServer(srv, s)

	go func() { _ = srv.Serve(l) }()

	t.Cleanup(srv.Stop)

	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: "reader", Namespace: "team-a"}}
	u.SetGroupVersionKind(miniov1alpha1.UserKind)
	u.Status.AtProvider.AccessKeyID = "AKREADER"

	const create = v1alpha1.OperationType_OPERATION_TYPE_CREATE
	if err := o.ChangeLogOptions.ChangeLogger.Log(t.Context(), u, create, errors.New("no"), managed.AdditionalDetails{}); err != nil {
		t.Fatalf("Log(...): %v", err)
	}

	select {
	case e := <-s.entries:
		if e.GetKind() != "User" || e.GetName() != "reader" || e.GetErrorMessage() != "no" || e.GetProvider() == "" {
			t.Errorf("want the change of User reader, got %v", e)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no entry was sent")
	}
}

func TestNoChangeLogs(t *testing.T) {
	if changes, err := parse(t).changeLogger("provider-minio"); changes != nil || err != nil {
		t.Errorf("changeLogger(...): want none unless enabled, got %v, %v", changes, err)
	}
}

// TestConventionalFlags expects flags under the names of other Crossplane providers, and from
// the environment. The command line comes first.
func TestConventionalFlags(t *testing.T) {
	environment := map[string]string{
		"PROVIDER_POLL": "3m", "PROVIDER_SYNC": "2h", "PROVIDER_POLL_STATE_METRIC": "5s", "PROVIDER_MAX_CONCURRENCY": "4",
		"PROVIDER_METRICS_ADDRESS": ":1", "PROVIDER_HEALTH_ADDRESS": ":2", "LEADER_ELECTION": "false",
	}
	other := maps.Clone(environment)
	other["PROVIDER_POLL"], other["PROVIDER_SYNC"] = "4m", "1h"

	cases := map[string]struct {
		args []string
		env  map[string]string
	}{
		"Names": {args: []string{
			"--poll=3m", "--sync=2h", "--poll-state-metric=5s", "--max-concurrent-reconciles=4",
			"--metrics-bind-address=:1", "--health-probe-bind-addr=:2", "--no-leader-election",
		}},
		"OurNames": {args: []string{
			"--poll-interval=3m", "-s", "2h", "--poll-state-metric=5s", "--max-concurrency=4",
			"--metrics-address=:1", "--health-address=:2", "--leader-election=false",
		}},
		"Environment": {env: environment},
		"Both":        {args: []string{"--poll=3m", "--sync=2h"}, env: other},
	}

	want := *parse(t)
	want.PollInterval, want.Sync, want.PollStateMetric, want.MaxConcurrency = 3*time.Minute, 2*time.Hour, 5*time.Second, 4
	want.MetricsAddress, want.HealthAddress, want.LeaderElection = ":1", ":2", false

	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for k, v := range tc.env {
				t.Setenv(k, v)
			}

			if diff := cmp.Diff(want, *parse(t, tc.args...)); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}
