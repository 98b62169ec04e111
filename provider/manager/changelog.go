package manager

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/crossplane/crossplane-runtime/v2/apis/changelogs/proto/v1alpha1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
)

// changeLogTimeout bounds how long a reconcile waits for the change log service.
// A change is made whether or not it could be logged; the provider's own log
// tells of those that could not.
const changeLogTimeout = 2 * time.Second

// changeLogger returns what sends changes to the change log service, nil if
// nobody asked for it. What it sends is the resource as it was before the
// change, what was done, and the error if there was one; none of them ever
// holds a credential.
func (f *Flags) changeLogger(provider string) (managed.ChangeLogger, error) {
	if !f.EnableChangeLogs {
		return nil, nil
	}

	// Nothing is dialled before there is something to send. The socket is the
	// pod's own.
	conn, err := grpc.NewClient("unix://"+f.ChangeLogsSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, errors.Wrapf(err, "cannot make a client of the change log service at %q", f.ChangeLogsSocket)
	}

	return managed.NewGRPCChangeLogger(v1alpha1.NewChangeLogServiceClient(conn),
		managed.WithProviderVersion(provider), managed.WithSendTimeout(changeLogTimeout)), nil
}
