//go:build e2e

package component

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	miniogo "github.com/minio/minio-go/v7"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	kresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/tools"
)

// recordMetrics makes TestMetricsOfAlarms write the record with which the alarms are tested.
var recordMetrics = flag.Bool("metrics.record", false, "write what the provider serves at /metrics to test/monitoring/testdata")

// nowhere is an endpoint at which nothing listens.
const nowhere = "https://127.0.0.1:1"

// newConfig creates a ClusterProviderConfig like the default one, with a change.
func newConfig(t *testing.T, name string, change func(s *miniov1alpha1.ProviderConfigSpec)) *miniov1alpha1.ClusterProviderConfig {
	t.Helper()

	usable := &miniov1alpha1.ClusterProviderConfig{}
	if err := env.Kube.Get(t.Context(), client.ObjectKey{Name: "default"}, usable); err != nil {
		t.Fatal(err)
	}

	c := &miniov1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: *usable.Spec.DeepCopy()}
	change(&c.Spec)
	create(t, c)

	return c
}

// monitored is what TestMetricsOfAlarms makes in a namespace.
type monitored struct {
	// full has a quota and an object. The server of kept and waiting is away since kept was made.
	full, kept, waiting *miniov1alpha1.Bucket
	away                *miniov1alpha1.ClusterProviderConfig
	// rotated has a rotation interval. The key of denied cannot be verified.
	rotated, denied *miniov1alpha1.User
}

// newMonitored makes resources whose server is not away yet. It returns once they are Ready, as far
// as they will be.
func newMonitored(t *testing.T, ns string) monitored {
	t.Helper()

	m := monitored{
		full: newBucket(ns, "full"), kept: newBucket(ns, "kept"), waiting: newBucket(ns, "waiting"),
		away:    newConfig(t, ns+"-away", func(*miniov1alpha1.ProviderConfigSpec) {}),
		rotated: newUser(ns, "rotated"), denied: newUser(ns, "denied"),
	}
	unproven := newConfig(t, ns+"-unproven", func(s *miniov1alpha1.ProviderConfigSpec) { s.PublicEndpoint = nowhere })

	m.full.Spec.ForProvider.Quota = new(kresource.MustParse("1Ki"))
	m.full.Spec.ForProvider.WhenNotEmpty = miniov1alpha1.WhenNotEmptyPurge
	m.rotated.Spec.ForProvider.Rotation = &miniov1alpha1.Rotation{Interval: &metav1.Duration{Duration: 720 * time.Hour}}

	for mg, config := range map[resource.ModernManaged]string{m.kept: m.away.Name, m.waiting: m.away.Name, m.denied: unproven.Name} {
		mg.SetProviderConfigReference(&xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: config})
	}

	for _, o := range []client.Object{m.full, m.kept, m.rotated, m.denied} {
		create(t, o)
	}

	await.For(t, "the resources to be ready", func() error {
		return errors.Join(settled(t.Context(), m.full), settled(t.Context(), m.kept), settled(t.Context(), m.rotated))
	})

	const text = "some text"
	if _, err := env.Server.S3.PutObject(t.Context(), m.full.Name, "object",
		strings.NewReader(text), int64(len(text)), miniogo.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}

	await.For(t, "the server to count the object", func() error { return counted(t.Context(), m.full.Name, len(text)) })

	return m
}

// remove removes the resources: other tests count the calls of the provider.
func (m monitored) remove(t *testing.T) {
	t.Helper()

	for _, o := range []client.Object{m.full, m.kept, m.waiting, m.rotated, m.denied} {
		await.For(t, "the deletion of "+o.GetName(), func() error { return client.IgnoreNotFound(env.Kube.Delete(t.Context(), o)) })
		await.Gone(t, env.Kube, o)
	}
}

// TestMetricsOfAlarms brings about what alarms are for, and expects it in the metrics: a server
// that cannot be used, a resource that is not Ready, a key that is not verified, a rotation that
// is planned, a bucket with a quota, and a review that fails. The record with which the alarms
// are tested must have the form of what the provider serves.
func TestMetricsOfAlarms(t *testing.T) {
	p, w, _ := startClaims(t)
	ns := newNamespace(t)
	m := newMonitored(t, ns)

	endpoint := m.away.Spec.Endpoint
	await.Change(t, env.Kube, m.away, func(c *miniov1alpha1.ClusterProviderConfig) { c.Spec.Endpoint = nowhere })
	create(t, m.waiting)

	// A provider measures all buckets when it starts, and then once a minute.
	p.Kill()
	p = startProvider(t, append(w.args, "--poll-state-metric=1s")...)

	await.For(t, "a deletion to be denied because the server does not answer", func() error {
		err := env.Kube.Delete(t.Context(), m.kept, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "cannot tell whether") {
			return fmt.Errorf("want the deletion to be denied, got %w", err)
		}

		return nil
	})

	served := servesMetrics(t, p, ns, m.full.Name)
	for _, id := range []string{m.rotated.Status.AtProvider.AccessKeyID, env.Server.AccessKey} {
		if id == "" || strings.Contains(served, id) {
			t.Errorf("want no ID of a key in the metrics, not even %q", id)
		}
	}

	compareRecord(t, served)

	await.Change(t, env.Kube, m.away, func(c *miniov1alpha1.ClusterProviderConfig) { c.Spec.Endpoint = endpoint })
	m.remove(t)
}

// servesMetrics waits until the metrics tell all that the test has brought about, and returns them.
func servesMetrics(t *testing.T, p *Provider, ns, bucket string) (served string) {
	t.Helper()

	wanted := []string{
		fmt.Sprintf(`cistern_bucket_size_bytes{bucket=%q,name=%q,namespace=%q} 9`, bucket, bucket, ns),
		fmt.Sprintf(`cistern_bucket_quota_bytes{bucket=%q,name=%q,namespace=%q} 1024`, bucket, bucket, ns),
		`cistern_server_usable{kind="ClusterProviderConfig",name="default",namespace=""} 1`,
		fmt.Sprintf(`cistern_server_usable{kind="ClusterProviderConfig",name="%s-away",namespace=""} 0`, ns),
		`cistern_server_secure{kind="ClusterProviderConfig",name="default",namespace=""} 0`,
		fmt.Sprintf(`cistern_resource_unready_since_timestamp_seconds{kind="Bucket",name="%s-waiting",namespace=%q,reason=".*"} .*`, ns, ns),
		fmt.Sprintf(`cistern_resource_unready_since_timestamp_seconds{kind="User",name="denied",namespace=%q,reason="Unproven"} .*`, ns),
		fmt.Sprintf(`cistern_user_next_rotation_timestamp_seconds{name="rotated",namespace=%q} .*`, ns),
		`cistern_admission_reviews_total{outcome="failed",webhook="/validate-deletion-of-buckets"} [1-9].*`,
		`cistern_minio_requests_total{operation="[a-z-]*:[A-Za-z-]*",outcome="ok"} .*`,
		`crossplane_managed_resource_ready{gvk="minio.cistern.dev/v1alpha1, Kind=User"} .*`,
	}

	await.For(t, "the metrics", func() (err error) {
		if served, err = p.metricsText(t.Context()); err != nil {
			return err
		}

		for _, line := range wanted {
			if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(served) {
				return fmt.Errorf("want %s, got:\n%s", line, served)
			}
		}

		return nil
	})

	return served
}

// compareRecord compares the form of our metrics and Crossplane's with that of the record.
func compareRecord(t *testing.T, served string) {
	t.Helper()

	repo, err := tools.RepoDir()
	if err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(repo, "test/monitoring/testdata/provider-minio.txt")

	if *recordMetrics {
		if err := os.WriteFile(path, []byte(served), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	recorded, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(forms(t, string(recorded)), forms(t, served)); diff != "" {
		t.Errorf("the record has another form than the metrics: run this test with -metrics.record, -recorded, +served:\n%s", diff)
	}
}

// forms returns type and labels of each metric of the provider and of Crossplane's runtime.
func forms(t *testing.T, text string) map[string]string {
	t.Helper()

	parser := expfmt.NewTextParser(model.LegacyValidation)

	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}

	found := map[string]string{}

	for name, f := range families {
		if !strings.HasPrefix(name, "cistern_") && !strings.HasPrefix(name, "crossplane_managed_resource_") {
			continue
		}

		labels := map[string]bool{}

		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}

		found[name] = dto.MetricType_name[int32(f.GetType())] + " by " + strings.Join(slices.Sorted(maps.Keys(labels)), ", ")
	}

	return found
}
