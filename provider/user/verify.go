package user

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
)

// prove has the server show that a key does what it should and nothing else, as
// the user's own clients would see it. It costs two plain calls.
func (e *external) prove(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	err := e.proveAllowed(ctx, u, secretKey)
	if err == nil {
		err = e.proveForbidden(ctx, u, secretKey)
	}

	if err != nil {
		c := xpv1.Unavailable().WithMessage("the published key is not proven")
		c.Reason = miniov1alpha1.ReasonUnproven
		u.SetConditions(c)

		return err
	}

	e.proofs.add(u, hash(e.details(u, secretKey)))

	return nil
}

// proveAllowed asks for the location of the first bucket that is granted, which
// every kind of access allows. Whether that bucket exists yet does not matter.
// Where none is granted it is enough that the server knows the key.
func (e *external) proveAllowed(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	grants := u.Spec.ForProvider.Grants
	bucket := notGranted(u)

	if len(grants) > 0 {
		bucket = grants[0].BucketName
	}

	err := resource.Ignore(minio.IsNotFound, e.ask(ctx, u, e.endpoint, secretKey, bucket))
	if len(grants) == 0 {
		err = resource.Ignore(minio.IsDenied, err)
	}

	return errors.Wrapf(err, "cannot use the key of user %q at %s", Name(u), e.endpoint)
}

// proveForbidden asks for a bucket that no grant is about. What policies beside
// the grants allow is for whoever wrote them to say: where there are some, the
// server may also answer.
func (e *external) proveForbidden(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	err := e.ask(ctx, u, e.endpoint, secretKey, notGranted(u))

	switch {
	case minio.IsDenied(err):
		return nil
	case len(u.Spec.ForProvider.Policies) > 0 || len(e.found.info.MemberOf) > 0:
		err = resource.Ignore(minio.IsNotFound, err)
	case err == nil || minio.IsNotFound(err):
		return errors.Errorf("user %q is allowed at %s what no grant allows: does a proxy there sign requests itself?", Name(u), e.endpoint)
	}

	return errors.Wrapf(err, "cannot use the key of user %q at %s", Name(u), e.endpoint)
}

// keyIsDead says whether a key that is not known where it should work does not
// work at all, or whether the endpoint leads elsewhere: then a new key would fare
// no better, and the error says so.
func (e *external) keyIsDead(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret, refusal error) (bool, error) {
	if e.inside == e.endpoint || minio.IsBadKey(e.ask(ctx, u, e.inside, secretKey, notGranted(u))) {
		return true, nil
	}

	return false, errors.Wrapf(refusal, "endpoint %s does not lead to the server at %s: correct publicEndpoint of the provider configuration", e.endpoint, e.inside)
}

func (e *external) ask(ctx context.Context, u *miniov1alpha1.User, endpoint string, secretKey minio.Secret, bucket string) error {
	return e.locate(ctx, endpoint, accessKey(u, u.Status.AtProvider.Generation), secretKey, bucket)
}

// notGranted returns the name of a bucket that u was not granted, and that nobody
// would give a bucket.
func notGranted(u *miniov1alpha1.User) string {
	return "not-granted-to-" + strings.ToLower(policyName(u))
}

// proofs remembers what was proven, in memory only: after a restart each key is
// proven once more. It is safe for concurrent use.
type proofs struct {
	mu sync.Mutex
	m  map[types.UID]*proof
}

// proof is what was proven of one user, and how it was last looked at.
type proof struct {
	// hash of the connection details that were proven.
	hash string
	// policies is the hash of two documents that mean the same: the one that the user's
	// policy should be, and the one that it is.
	policies [sha256.Size]byte
	// resourceVersion of the resource at the last look.
	resourceVersion string
	// keyNext says that the next look of a resource that has not changed is for
	// the key.
	keyNext bool
}

func newProofs() *proofs { return &proofs{m: make(map[types.UID]*proof)} }

// look says what to look at, beside the user.
type look struct{ policy, key bool }

// turn returns what to look at this time. While nothing changes policy and key
// take turns, so that a poll costs two calls.
func (p *proofs) turn(u *miniov1alpha1.User) look {
	p.mu.Lock()
	defer p.mu.Unlock()

	known := p.m[u.GetUID()]
	if known == nil || known.resourceVersion != u.GetResourceVersion() {
		if known != nil {
			known.resourceVersion = u.GetResourceVersion()
		}

		return look{policy: true, key: true}
	}

	known.keyNext = !known.keyNext

	return look{policy: !known.keyNext, key: known.keyNext}
}

// lacking says that nothing is proven of these details.
func (p *proofs) lacking(u *miniov1alpha1.User, hash string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	known := p.m[u.GetUID()]

	return known == nil || known.hash != hash ||
		u.GetCondition(xpv1.TypeReady).Status != corev1.ConditionTrue
}

// add remembers that details were proven.
func (p *proofs) add(u *miniov1alpha1.User, hash string) {
	p.mu.Lock()
	defer p.mu.Unlock()

	next := proof{hash: hash, resourceVersion: u.GetResourceVersion()}
	if known := p.m[u.GetUID()]; known != nil {
		next.policies = known.policies
	}

	p.m[u.GetUID()] = &next
}

// samePolicy says whether the policy of a user means what it should. It compares what
// it has not compared before: to parse two documents costs as much as a call.
func (p *proofs) samePolicy(u *miniov1alpha1.User, want, got []byte) bool {
	sum := sha256.Sum256(slices.Concat(want, []byte{0}, got))

	p.mu.Lock()
	known := p.m[u.GetUID()]
	same := known != nil && known.policies == sum
	p.mu.Unlock()

	if same || !minio.SamePolicy(want, got) {
		return same
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	if known := p.m[u.GetUID()]; known != nil {
		known.policies = sum
	}

	return true
}

// forget forgets a user that is gone.
func (p *proofs) forget(u *miniov1alpha1.User) {
	p.mu.Lock()
	defer p.mu.Unlock()

	delete(p.m, u.GetUID())
}
