package manager

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/crossplane/crossplane-runtime/v2/apis/changelogs/proto/v1alpha1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
)

// changeLogTimeout is how long a reconcile waits for the change log service. A change takes
// place whether or not it was sent; the provider's own log shows which changes were not.
const changeLogTimeout = 2 * time.Second

// changeLogger returns a client of the change log service, or nil if change logs are not
// enabled. It sends the resource as it was before the change, the operation, and the error if
// there was one. None of them ever holds a credential.
func (f *Flags) changeLogger(provider string) (managed.ChangeLogger, error) {
	if !f.EnableChangeLogs {
		return nil, nil
	}

	// The client connects when it first sends a change. The socket is local to the pod, so
	// it needs no TLS.
	conn, err := grpc.NewClient("unix://"+f.ChangeLogsSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, errors.Wrapf(err, "cannot create a client of the change log service at %q", f.ChangeLogsSocket)
	}

	return managed.NewGRPCChangeLogger(v1alpha1.NewChangeLogServiceClient(conn),
		managed.WithProviderVersion(provider), managed.WithSendTimeout(changeLogTimeout)), nil
}
