//go:build e2e

package component

import (
	"context"
	"errors"
	"testing"

	miniogo "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// temporary requests temporary credentials with a key, and uses them once.
func temporary(ctx context.Context, c miniov1alpha1.Connection) error {
	issued, err := credentials.NewSTSAssumeRole(env.Server.URL(), credentials.STSAssumeRoleOptions{
		AccessKey: c.AccessKeyID, SecretKey: c.SecretAccessKey, Location: region,
	})
	if err != nil {
		return err
	}

	if _, err := issued.GetWithContext(nil); err != nil {
		return err
	}

	s3, err := miniogo.New(env.Server.url.Host, &miniogo.Options{Creds: issued, Region: region, MaxRetries: 1})
	if err != nil {
		return err
	}

	_, err = s3.BucketExists(ctx, c.BucketName)

	return err
}

// TestOnlyFirstKeysDrawTemporaryCredentials pins a limit of MinIO that the documentation of
// rotation states, and the way around it: a first key can request temporary credentials, with
// which the Console logs in; a later one cannot; and a User that is added after the rotation
// has a first key. A server that lets later keys request them makes that documentation wrong.
func TestOnlyFirstKeysDrawTemporaryCredentials(t *testing.T) {
	startProvider(t)

	ns, home := newHome(t)

	_, first := newRotatedUser(t, ns, home, "first", 0)
	if err := temporary(t.Context(), first); err != nil {
		t.Errorf("want temporary credentials for a first key, got %v", err)
	}

	_, later := newRotatedUser(t, ns, home, "later", 1)
	if err := works(t.Context(), later); err != nil {
		t.Error(err)
	}

	var denied credentials.ErrorResponse
	if err := temporary(t.Context(), later); !errors.As(err, &denied) || denied.STSError.Code != "AccessDenied" {
		t.Errorf("want temporary credentials to be denied to a later key, got %v", err)
	}

	_, added := newRotatedUser(t, ns, home, "added", 0)
	if err := temporary(t.Context(), added); err != nil {
		t.Errorf("want temporary credentials for the first key of an added User, got %v", err)
	}
}
