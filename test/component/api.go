package component

import (
	"context"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cistern-dev/cistern/test/dev/platform/pki"
	"github.com/cistern-dev/cistern/test/dev/tools"
	"github.com/cistern-dev/cistern/test/process"
)

// API is an API server with nothing but the controllers that delete dependents.
type API struct {
	// Kube is an administrator's client.
	Kube client.Client

	env *Env
}

// StartAPI starts an API server, for tests of what needs no provider and no MinIO. Kinds
// adds kinds to the scheme of the client.
func StartAPI(ctx context.Context, out io.Writer, kinds func(*runtime.Scheme) error) (*API, error) {
	repo, err := tools.RepoDir()
	if err != nil {
		return nil, err
	}

	programs, err := tools.Build(ctx, out, "kube")
	if err != nil {
		return nil, err
	}

	dir, err := os.MkdirTemp("", "cistern-component-")
	if err != nil {
		return nil, fmt.Errorf("cannot create a directory: %w", err)
	}

	a := &API{env: &Env{Options: Options{Kinds: kinds}, dir: dir, children: process.NewGroup()}}

	if a.env.ca, err = pki.NewCA("cistern-component"); err == nil {
		err = a.env.startCluster(ctx, programs["kube"], repo)
	}

	if err != nil {
		a.Close()

		return nil, err
	}

	a.Kube = a.env.Kube

	return a, nil
}

// Dir is a directory for files and logs of the processes. Close removes it.
func (a *API) Dir() string { return a.env.dir }

// Client returns a client certificate, and the certificate of the authority that signed it.
func (a *API) Client(user string) (pair pki.Pair, ca []byte, err error) {
	pair, err = a.env.ca.Client(user)

	return pair, a.env.ca.Cert, err
}

// Run starts a program as administrator of the API server, with further environment variables.
// Its output is in the file of its name and .log in Dir.
func (a *API) Run(name string, env []string, argv ...string) (*process.Process, error) {
	return a.env.run(name, append(env, "KUBECONFIG="+a.env.Kubeconfig()), argv...)
}

// Close stops the API server and all programs.
func (a *API) Close() { a.env.Close() }
