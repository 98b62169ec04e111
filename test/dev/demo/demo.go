// Package demo shows a person what Cistern does, end to end: a tenant claims a
// bucket, gets a Secret, uses the key in it, adds a read-only key for a colleague,
// rotates the keys, breaks a rule of the platform, and deletes the claim.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenantv1alpha1 "github.com/cistern-dev/cistern/apis/tenant/v1alpha1"
	"github.com/cistern-dev/cistern/test/clients"
	"github.com/cistern-dev/cistern/test/dev/platform"
)

const (
	// manifest is the file of the claim, and claim its name.
	manifest = "examples/claim/bucket.yaml"
	claim    = "backup-prod"

	// key and text are the key and content of an object.
	key, text = "reports/2026.txt", "Water is kept in a cistern."
)

// demo is the state that the steps share.
type demo struct {
	*show

	platform *platform.Platform
	kube     client.Client
	admin    *clients.Admin

	// The namespaces of two tenants.
	tenantA, tenantB string
}

// Run shows the demo on a platform that is up. Each step checks what it shows, and
// Run fails with the first check that fails. It deletes the tenants' namespaces
// before it returns.
func Run(ctx context.Context, p *platform.Platform, repo string, out io.Writer) (err error) {
	kube, err := clients.Kubernetes(p)
	if err != nil {
		return err
	}

	admin, err := clients.NewAdmin(ctx, p, kube)
	if err != nil {
		return err
	}

	dir, err := os.MkdirTemp("", "cistern-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	d := &demo{platform: p, kube: kube, admin: admin}

	for _, ns := range []*string{&d.tenantA, &d.tenantB} {
		// A generated name, because a demo that was killed leaves its namespaces.
		o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
		if err := kube.Create(ctx, o); err != nil {
			return fmt.Errorf("cannot create the namespace of a tenant: %w", err)
		}

		*ns = o.Name

		defer func() {
			err = errors.Join(err, d.removeNamespace(context.WithoutCancel(ctx), o))
		}()
	}

	if d.show, err = newShow(ctx, out, p, repo, d.tenantA, dir); err != nil {
		return err
	}

	return d.play(ctx)
}

// play shows the steps one after the other.
func (d *demo) play(ctx context.Context) error {
	info, err := d.claim(ctx)
	if err != nil {
		return err
	}

	if err := d.secret(ctx); err != nil {
		return err
	}

	if err := d.use(ctx, info); err != nil {
		return err
	}

	for _, step := range []func(context.Context, tenantv1alpha1.BucketInfo) error{
		d.otherTenant, d.colleague, d.rotate, d.rules, d.remove,
	} {
		if err := step(ctx, info); err != nil {
			return err
		}
	}

	return nil
}

// removeNamespace deletes a namespace, and waits until it is gone.
func (d *demo) removeNamespace(ctx context.Context, ns *corev1.Namespace) error {
	if err := d.kube.Delete(ctx, ns); err != nil {
		return fmt.Errorf("cannot remove the namespace %q: %w", ns.Name, err)
	}

	return wait(ctx, "the namespace "+ns.Name+" to be gone", func() (bool, error) {
		err := d.kube.Get(ctx, client.ObjectKeyFromObject(ns), ns)
		return err != nil, client.IgnoreNotFound(err)
	})
}
