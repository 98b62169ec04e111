//go:build e2e

package extras

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	iam "github.com/cistern-dev/cistern/apis/extras/iam/v1alpha1"
	ilm "github.com/cistern-dev/cistern/apis/extras/ilm/v1alpha1"
	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/await"
	"github.com/cistern-dev/cistern/test/component"
)

// leaks returns an error if a secret of the tests occurs in the provider's log, in an
// event or in a resource, or if the Terraform provider has logged anything.
func leaks() error {
	ctx, cancel := context.WithTimeout(context.Background(), await.Timeout)
	defer cancel()

	log, err := env.WholeLog()
	if err != nil {
		return err
	}

	texts := map[string]string{"log": log}

	for name, list := range map[string]client.ObjectList{
		"events": &corev1.EventList{}, "tiers": &ilm.TierList{},
		"groups": &iam.GroupList{}, "namespaces": &corev1.NamespaceList{},
	} {
		if err := env.Kube.List(ctx, list); err != nil {
			return fmt.Errorf("cannot list %s: %w", name, err)
		}

		text, err := json.Marshal(list)
		if err != nil {
			return fmt.Errorf("cannot read %s: %w", name, err)
		}

		texts[name] = string(text)
	}

	secrets := &corev1.SecretList{}
	if err := env.Kube.List(ctx, secrets, client.InNamespace("default")); err != nil {
		return fmt.Errorf("cannot list the provider's keys: %w", err)
	}

	issued := []string{
		env.Server.SecretKey, ldapMinIO.SecretKey,
		"archive-key-secret", "cold-storage-secret", "another-secret", component.DirectoryPassword,
	}
	for _, s := range secrets.Items {
		issued = append(issued, string(s.Data[miniov1alpha1.CredentialsKeySecretKey]))
	}

	var errs []error

	for name, text := range texts {
		for _, secret := range issued {
			if strings.Contains(text, secret) {
				errs = append(errs, fmt.Errorf("a secret occurs in %s", name))
			}
		}
	}

	// Each line of the Terraform provider's log has its level.
	for _, level := range []string{"[DEBUG]", "[WARN]", "[INFO]"} {
		if strings.Contains(log, level) {
			errs = append(errs, fmt.Errorf("the Terraform provider has logged a line of level %s", level))
		}
	}

	return errors.Join(errs...)
}
