//go:build e2e

package extras

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/cistern-dev/cistern/apis/extras"
	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/test/component"
)

// The environment that all tests share.
var (
	env *component.Env
	// ldapMinIO is a second MinIO, which takes its users from the directory. It is also
	// the destination of the first one's tiers.
	ldapMinIO *component.Storage
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// Programs that are not in the cache yet take many minutes to build.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()

	// The target of notifications must answer when MinIO starts.
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()

	var err error

	env, err = component.Start(ctx, os.Stderr, component.Options{
		Name:    "provider-extras",
		Program: "./provider/extras",
		CRDs:    []string{"package/provider/crds", "package/extras/crds"},
		Rights:  "examples/platform/minio-extras-policy.json",
		Kinds: func(s *runtime.Scheme) error {
			if err := miniov1alpha1.AddToScheme(s); err != nil {
				return err
			}

			return extras.AddToScheme(s)
		},
		Storage: []string{
			"MINIO_SITE_REGION=us-east-1",
			"MINIO_NOTIFY_WEBHOOK_ENABLE_PRIMARY=on", "MINIO_NOTIFY_WEBHOOK_ENDPOINT_PRIMARY=" + target.URL,
		},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "extras:", err)
		return 1
	}
	defer env.Close()

	if ldapMinIO, err = env.AddDirectoryStorage(ctx, ldapConfig); err != nil {
		fmt.Fprintln(os.Stderr, "extras:", err)
		return 1
	}

	code := m.Run()

	for _, err := range []error{env.Races(), leaks()} {
		if err != nil {
			fmt.Fprintln(os.Stderr, "extras:", err)

			code = 1
		}
	}

	return code
}
