package monitor

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/gate"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

var (
	made = metav1.Unix(1700000000, 0)
	due  = metav1.Unix(1700003600, 0)
)

// at returns a condition that has held since made.
func at(c xpv1.Condition) xpv1.Condition {
	c.LastTransitionTime = made
	return c
}

func newUser(name string, change func(u *miniov1alpha1.User)) *miniov1alpha1.User {
	u := &miniov1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "team-a", CreationTimestamp: made}}
	u.Status.AtProvider.AccessKeyID = "AKSECRETLYPUBLIC"
	u.Status.AtProvider.NextRotationAt = &due
	u.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Interval: &metav1.Duration{Duration: time.Hour}}
	u.SetConditions(at(xpv1.Available()))
	change(u)

	return u
}

// users are the Users of the tests, one in each state that the metrics tell apart.
func users() []client.Object {
	return []client.Object{
		newUser("ready", func(*miniov1alpha1.User) {}),
		newUser("no-rotation", func(u *miniov1alpha1.User) { u.Status.AtProvider.NextRotationAt = nil }),
		newUser("rotation-removed", func(u *miniov1alpha1.User) { u.Spec.ForProvider.Rotation = nil }),
		newUser("new", func(u *miniov1alpha1.User) { u.Status = miniov1alpha1.UserStatus{} }),
		newUser("unproven", func(u *miniov1alpha1.User) {
			c := at(xpv1.Unavailable())
			c.Reason = miniov1alpha1.ReasonUnproven
			u.SetConditions(c)
		}),
		newUser("disabled", func(u *miniov1alpha1.User) { u.Spec.ForProvider.Enabled = new(false) }),
		newUser("observed", func(u *miniov1alpha1.User) {
			u.Spec.ManagementPolicies = xpv1.ManagementPolicies{xpv1.ManagementActionObserve}
		}),
		newUser("copied", func(u *miniov1alpha1.User) {
			u.UID = "copy"
			meta.AddAnnotations(u, map[string]string{reconciler.AnnotationKeyOwnerUID: "original"})
		}),
		newUser("deleted", func(u *miniov1alpha1.User) {
			u.Finalizers, u.DeletionTimestamp = []string{"a/b"}, &made
			u.SetConditions(at(xpv1.Deleting()))
		}),
	}
}

// configs are provider configurations: one whose server can be used and has known vulnerabilities,
// one whose server cannot, and one that was not checked yet.
func configs() []client.Object {
	vulnerable := xpv1.Condition{Type: miniov1alpha1.ConditionSecure, Status: "False", Reason: miniov1alpha1.ReasonKnownVulnerabilities}

	usable := &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	usable.SetConditions(xpv1.Available(), vulnerable)

	away := &miniov1alpha1.ProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "own", Namespace: "team-a"}}
	away.SetConditions(xpv1.Unavailable())

	return []client.Object{usable, away, &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "new"}}}
}

const wantState = `# HELP cistern_resource_unready_since_timestamp_seconds Since when a managed resource has not been Ready, with the reason of that condition. A resource that is Ready has no sample.
# TYPE cistern_resource_unready_since_timestamp_seconds gauge
cistern_resource_unready_since_timestamp_seconds{kind="Bucket",name="photos",namespace="team-a",reason="Creating"} 1.7e+09
cistern_resource_unready_since_timestamp_seconds{kind="Policy",name="readers",namespace="team-a",reason="Unavailable"} 1.7e+09
cistern_resource_unready_since_timestamp_seconds{kind="User",name="deleted",namespace="team-a",reason="Deleting"} 1.7e+09
cistern_resource_unready_since_timestamp_seconds{kind="User",name="new",namespace="team-a",reason=""} 1.7e+09
cistern_resource_unready_since_timestamp_seconds{kind="User",name="unproven",namespace="team-a",reason="Unproven"} 1.7e+09
# HELP cistern_server_secure Whether no vulnerability of the release of a provider configuration's server is known: 1 while its condition Secure is True, 0 while it is False. A server of which that is unknown has no sample.
# TYPE cistern_server_secure gauge
cistern_server_secure{kind="ClusterProviderConfig",name="default",namespace=""} 0
# HELP cistern_server_usable Whether the server of a provider configuration can be used: 1 while its condition Ready is True, else 0. A configuration that was not checked yet has no sample.
# TYPE cistern_server_usable gauge
cistern_server_usable{kind="ClusterProviderConfig",name="default",namespace=""} 1
cistern_server_usable{kind="ProviderConfig",name="own",namespace="team-a"} 0
# HELP cistern_user_next_rotation_timestamp_seconds When the next key of a User is due by its rotation interval. A User without one, that is disabled, or that the provider may not change has no sample.
# TYPE cistern_user_next_rotation_timestamp_seconds gauge
cistern_user_next_rotation_timestamp_seconds{name="ready",namespace="team-a"} 1.7000036e+09
cistern_user_next_rotation_timestamp_seconds{name="unproven",namespace="team-a"} 1.7000036e+09
`

// exposed returns what a client of /metrics reads.
func exposed(t *testing.T, c prometheus.Collector) string {
	t.Helper()

	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)

	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}

	text := &bytes.Buffer{}
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(text, f); err != nil {
			t.Fatal(err)
		}
	}

	return text.String()
}

// adder is a manager that starts what is added to it.
type adder struct {
	manager.Manager

	ctx context.Context //nolint:containedctx // It is that of the manager.
}

func (a adder) Add(r manager.Runnable) error {
	go func() { _ = r.Start(a.ctx) }()

	return nil
}

// TestState reads the metrics before State leads, while it does, and afterwards. Kinds whose CRD
// is not established are not listed: their list would fail.
func TestState(t *testing.T) {
	s := runtime.NewScheme()
	if err := miniov1alpha1.AddToScheme(s); err != nil {
		t.Fatal(err)
	}

	photos := newBucket("photos")
	photos.SetConditions(at(xpv1.Creating()))

	readers := &miniov1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "readers", Namespace: "team-a"}}
	readers.SetConditions(at(xpv1.Unavailable()))

	kube := fake.NewClientBuilder().WithScheme(s).WithObjects(append(append(users(), configs()...), photos, readers)...).Build()
	state := NewState(kube, logging.NewNopLogger())

	if got := exposed(t, state); got != "" {
		t.Errorf("want no sample before it leads, got\n%s", got)
	}

	ctx, stop := context.WithCancel(t.Context())
	kinds := &gate.Gate[schema.GroupVersionKind]{}

	if err := state.Setup(adder{ctx: ctx}, kinds); err != nil {
		t.Fatal(err)
	}

	until(t, "the configurations to be shown", func() bool { return strings.Contains(exposed(t, state), "cistern_server_usable") })

	if got := exposed(t, state); strings.Contains(got, "cistern_user") || strings.Contains(got, "cistern_resource") {
		t.Errorf("want no sample of kinds that are not established, got\n%s", got)
	}

	for _, gvk := range []schema.GroupVersionKind{miniov1alpha1.BucketKind, miniov1alpha1.PolicyKind, miniov1alpha1.UserKind} {
		kinds.Set(gvk, true)
	}

	until(t, "all kinds to be shown", func() bool {
		state.mu.Lock()
		defer state.mu.Unlock()

		return len(state.kinds) == 5
	})

	if diff := cmp.Diff(wantState, exposed(t, state)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}

	stop()
	until(t, "no sample to be left once it does not lead", func() bool { return exposed(t, state) == "" })
}

// until waits for a state that is reached at once on an idle machine.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()

	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s", what)
		}
	}
}
