//go:build e2e

package component

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
)

// slowEndpoint serves MinIO at another URL, and passes each request on after a delay.
func slowEndpoint(t *testing.T, delay time.Duration) string {
	t.Helper()

	cert, err := env.certificate()
	if err != nil {
		t.Fatal(err)
	}

	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(env.Server.url)
		r.Out.Host = r.In.Host
	}}

	server, host, err := listen(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		time.Sleep(delay)
		forward.ServeHTTP(rw, r)
	}), cert)
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { _ = server.Close() })

	return "https://" + host
}

// TestSlowPublicEndpoint starts the provider while many Users have to be corrected whose
// published endpoint answers slowly: the first call to it must not make others fail.
func TestSlowPublicEndpoint(t *testing.T) {
	const users = 20

	ctx := t.Context()
	p := startProvider(t)

	ns := newNamespace(t)
	config := hangingConfig(t, ns)
	config.Spec.PublicEndpoint = slowEndpoint(t, 400*time.Millisecond)
	create(t, config)

	all := make([]*miniov1alpha1.User, users)
	for i := range all {
		all[i] = newUser(ns, fmt.Sprintf("user-%02d", i), miniov1alpha1.Grant{BucketName: ns})
		all[i].Spec.ProviderConfigReference = &xpv1.ProviderConfigReference{Kind: miniov1alpha1.ClusterProviderConfigKind.Kind, Name: config.Name}
		create(t, all[i])
	}

	for _, u := range all {
		await.For(t, "the User to be ready", func() error { return settled(ctx, u) })
	}

	p.Kill()

	for _, u := range all {
		name := u.Annotations["crossplane.io/external-name"]
		if err := env.Server.AddCannedPolicy(ctx, name, []byte(policyDocument("s3:GetObject"))); err != nil {
			t.Fatal(err)
		}
	}

	began := metav1.Now()

	startProvider(t)

	for _, u := range all {
		await.For(t, "the policy to be corrected", func() error {
			info, err := env.Server.InfoCannedPolicyV2(ctx, u.Annotations["crossplane.io/external-name"])
			if err == nil && !strings.Contains(string(info.Policy), "s3:PutObject") {
				return fmt.Errorf("it is %s", info.Policy)
			}

			return err
		})
		await.For(t, "the User to be ready", func() error { return settled(ctx, u) })

		if c := u.GetCondition(xpv1.TypeSynced); c.LastTransitionTime.After(began.Time) {
			t.Errorf("%s: want Synced to stay True, it changed at %s", u.Name, c.LastTransitionTime)
		}
	}

	events := &corev1.EventList{}
	if err := env.Kube.List(ctx, events, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}

	for _, e := range events.Items {
		if e.Type == corev1.EventTypeWarning {
			t.Errorf("%s: want no warning, got %s", e.InvolvedObject.Name, e.Message)
		}
	}

	for _, u := range all {
		if err := env.Kube.Delete(ctx, u); err != nil {
			t.Error(err)
		}
	}

	for _, u := range all {
		await.Gone(t, env.Kube, u)
	}

	_ = env.Kube.Delete(ctx, config)
}
