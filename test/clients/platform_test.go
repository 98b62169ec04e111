//go:build e2e

package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubernetes "sigs.k8s.io/controller-runtime/pkg/client"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/api"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

// claims are the specs of the claims that issue the Secrets on a platform.
var claims = map[string]string{
	writer:    `{"deletionPolicy": "Delete", "users": {"reader": {"readonly": true}}}`,
	other:     `{"deletionPolicy": "Delete"}`,
	versioned: `{"deletionPolicy": "Delete", "versioning": true}`,
	full:      `{"deletionPolicy": "Delete", "quota": "100Ki"}`,
	locked:    `{"locking": true}`,
	beforeNew: `{"deletionPolicy": "Delete"}`,
	ended:     `{"deletionPolicy": "Delete"}`,
}

// tenant is a namespace on a platform in which claims issue the Secrets.
type tenant struct {
	kube      kubernetes.Client
	platform  *platform.Platform
	namespace *corev1.Namespace
}

// startPlatform issues the Secrets by claims on the platform that is up. stop deletes the
// claims.
func startPlatform(ctx context.Context) (stop func(), err error) {
	p, err := platform.Open(ctx, platform.Options{OutputDir: os.Getenv("CISTERN_OUTPUT_DIR")})
	if err != nil {
		return func() {}, err
	}

	kube, err := api.Kubernetes(p)
	if err != nil {
		return func() {}, err
	}

	w := tenant{kube: kube, platform: p, namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "clients-"}}}
	if err := kube.Create(ctx, w.namespace); err != nil {
		return func() {}, fmt.Errorf("cannot create a namespace: %w", err)
	}

	stop = func() {
		if err := kube.Delete(context.Background(), w.namespace); err != nil {
			fmt.Fprintln(os.Stderr, "clients: cannot delete the namespace:", err)
		}
	}

	cluster.kubeconfig, cluster.kubectl, cluster.namespace = p.Kubeconfig, p.KubectlPath, w.namespace.Name

	return stop, w.issue(ctx)
}

// issue applies the claims and reads their Secrets.
func (w tenant) issue(ctx context.Context) error {
	for name, spec := range claims {
		c := &tenantv1alpha1.Bucket{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: w.namespace.Name}}
		if err := json.Unmarshal([]byte(spec), &c.Spec); err != nil {
			return fmt.Errorf("cannot decode the spec of claim %s: %w", name, err)
		}

		if err := w.kube.Create(ctx, c); err != nil {
			return fmt.Errorf("cannot create claim %s: %w", name, err)
		}
	}

	issued = map[string]map[string][]byte{}

	for name := range claims {
		if err := w.read(ctx, name, name, "", ""); err != nil {
			return err
		}
	}

	if err := w.read(ctx, reader, writer, reader, ""); err != nil {
		return err
	}

	if err := w.rotate(ctx, beforeNew, afterNew, time.Hour); err != nil {
		return err
	}

	// What ended is the key that was read before the rotation.
	if err := w.rotate(ctx, ended, "", 0); err != nil {
		return err
	}

	return nil
}

// read waits until a claim is ready and its user has another key than before, and keeps
// the Secret under a name.
func (w tenant) read(ctx context.Context, name, claim, user, before string) error {
	return await.Until(ctx, "the Secret of claim "+claim, func() error {
		c, s := &tenantv1alpha1.Bucket{}, &corev1.Secret{}
		secret := tenantv1alpha1.CredentialsSecretNameFor(claim, user)

		if err := errors.Join(
			w.kube.Get(ctx, kubernetes.ObjectKey{Namespace: w.namespace.Name, Name: claim}, c),
			w.kube.Get(ctx, kubernetes.ObjectKey{Namespace: w.namespace.Name, Name: secret}, s)); err != nil {
			return err
		}

		id := string(s.Data["AWS_ACCESS_KEY_ID"])
		if c.Status.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue || id == "" || id == before {
			return errors.New(c.Status.GetCondition(tenantv1alpha1.ConditionProvisioned).Message)
		}

		if name == writer {
			cluster.secret, cluster.data = secret, s.Data
		}

		var err error
		if name != "" {
			issued[name], err = w.outside(s.Data)
		}

		return err
	})
}

// outside replaces MinIO's address for pods by its address for this machine.
func (w tenant) outside(data map[string][]byte) (map[string][]byte, error) {
	in, errIn := url.Parse(platform.MinIOInsideURL)

	out, errOut := url.Parse(w.platform.MinIOURL)
	if err := errors.Join(errIn, errOut); err != nil {
		return nil, fmt.Errorf("cannot use MinIO's address: %w", err)
	}

	// Some clients verify no certificate for an address.
	host := strings.Replace(out.Host, "127.0.0.1", "localhost", 1)

	moved := map[string][]byte{}
	for key, value := range data {
		moved[key] = bytes.ReplaceAll(value, []byte(in.Host), []byte(host))
	}

	name, port, _ := strings.Cut(host, ":")
	moved[miniov1alpha1.ConnectionKeyBucketHost], moved[miniov1alpha1.ConnectionKeyBucketPort] = []byte(name), []byte(port)

	return moved, nil
}

// rotate replaces the key of a claim, and keeps the new Secret under a name.
func (w tenant) rotate(ctx context.Context, claim, name string, overlap time.Duration) error {
	if err := await.Until(ctx, "the rotation of claim "+claim, func() error {
		c := &tenantv1alpha1.Bucket{}
		if err := w.kube.Get(ctx, kubernetes.ObjectKey{Namespace: w.namespace.Name, Name: claim}, c); err != nil {
			return err
		}

		c.Spec.Rotation = &tenantv1alpha1.Rotation{Trigger: "now", Overlap: &metav1.Duration{Duration: overlap}}

		return w.kube.Update(ctx, c)
	}); err != nil {
		return err
	}

	return w.read(ctx, name, claim, "", string(issued[claim]["AWS_ACCESS_KEY_ID"]))
}
