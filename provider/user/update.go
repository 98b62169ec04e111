package user

import (
	"context"

	"github.com/minio/madmin-go/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// Update corrects what has drifted, and nothing else. The next reconcile may be a
// whole poll interval away, so Update itself marks the user Ready.
func (e *external) Update(ctx context.Context, u *miniov1alpha1.User) (managed.ExternalUpdate, error) {
	if !e.observed.exists {
		return managed.ExternalUpdate{}, reconciler.NotCreatable("user", Name(u))
	}

	if e.drift.policy {
		if err := e.policies.write(ctx, u); err != nil {
			return managed.ExternalUpdate{}, err
		}
	}

	if !enabled(u) {
		return managed.ExternalUpdate{}, e.disable(ctx, u)
	}

	if err := e.mend(ctx, u); err != nil {
		return managed.ExternalUpdate{}, err
	}

	if e.drift.keysUnaccounted {
		if err := e.removeUnaccounted(ctx, u); err != nil {
			return managed.ExternalUpdate{}, err
		}
	}

	// Only now the current key is known to work where applications read it.
	if _, err := e.retire(ctx, u, e.drift.expiredKeys); err != nil {
		return managed.ExternalUpdate{}, err
	}

	e.setReady(u)

	if !e.drift.rotationDue {
		return managed.ExternalUpdate{}, nil
	}

	retired, err := e.retire(ctx, u, excess(u))
	if retired {
		// The new generation is stored first. The next reconcile creates its key:
		// however often that fails, each attempt creates the same key.
		rotate(u, e.now())
	}

	return managed.ExternalUpdate{}, err
}

// mend corrects the drift of a user that should be enabled. It enables the user before
// it attaches policies, because the server denies that a disabled user exists.
func (e *external) mend(ctx context.Context, u *miniov1alpha1.User) error {
	if e.drift.enabled {
		if err := e.setStatus(ctx, u, madmin.AccountEnabled); err != nil {
			return err
		}
	}

	if e.drift.attachments {
		if err := e.policies.attach(ctx, u); err != nil {
			return err
		}
	}

	if !publishes(u) {
		return nil
	}

	secretKey := e.observed.secretKey

	if e.drift.heldKeyUnknown {
		id, held := e.observed.stored.held(u)
		if err := e.keys.set(ctx, u, id, held); err != nil {
			return err
		}
	}

	if e.drift.keyMissing {
		var err error
		if secretKey, err = e.storeKey(ctx, u); err != nil {
			return err
		}
	}

	if err := e.setKey(ctx, u, secretKey); err != nil {
		return err
	}

	return e.publish(ctx, u, secretKey)
}

// setKey gives the server the stored key unless it has that, and verifies the key.
func (e *external) setKey(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	known := !e.drift.keyMissing && !e.drift.keyUnknown

	if e.drift.keyPending {
		// An earlier attempt may have come as far as this.
		var err error
		if known, err = e.known(ctx, u, secretKey); known || err != nil {
			return err
		}
	}

	if !known {
		id := accessKeyID(u, u.Status.AtProvider.Generation)
		if err := e.keys.set(ctx, u, id, secretKey); err != nil {
			return err
		}
	}

	return e.verify(ctx, u, secretKey)
}

// keyToCreate returns the access key of a user that does not exist: the one that clients
// read, else the stored one of the current generation, else a new one that it stores.
func (e *external) keyToCreate(ctx context.Context, u *miniov1alpha1.User) (id string, secretKey minio.Secret, err error) {
	if publishes(u) {
		if err := e.readKey(ctx, u); err != nil {
			return "", "", err
		}
	}

	if id, held := e.observed.stored.held(u); held != "" {
		return id, held, nil
	}

	id = accessKeyID(u, u.Status.AtProvider.Generation)
	if !publishes(u) {
		return id, newSecretKey(), nil
	}

	secretKey, current := e.observed.stored.key(u)
	if secretKey == "" || (current && !e.keyIntact(u, secretKey)) {
		secretKey, err = e.storeKey(ctx, u)
	}

	return id, secretKey, err
}

// storeKey makes a new secret key of the current generation and stores it in the
// connection Secret before the server is given it. Where a key was published before,
// clients read the new one only once it is verified.
func (e *external) storeKey(ctx context.Context, u *miniov1alpha1.User) (minio.Secret, error) {
	s, m, now := &u.Status.AtProvider, e.memories.Of(u), e.now()
	id := accessKeyID(u, s.Generation)
	// A generation has one key, which is made anew only if it was lost.
	lost := id == s.AccessKeyID || id == m.made

	if lost && now.Sub(m.replaced) < minKeyAge {
		return "", errors.Errorf("the key of user %q was lost again within %s of its replacement: it is replaced later", Name(u), minKeyAge)
	}

	secretKey := newSecretKey()
	data := e.connection.details(u, secretKey)

	if s.AccessKeyID != "" {
		data = e.observed.stored.withPending(id, secretKey)
	}

	var err error
	if e.observed.stored, err = e.connection.write(ctx, u, e.observed.stored, data); err != nil {
		return "", err
	}

	m.made = id

	if lost {
		m.replaced, s.RotatedAt = now, new(metav1.NewTime(now))
	}

	return secretKey, nil
}

// publish makes a verified key the current one in the connection Secret.
func (e *external) publish(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) (err error) {
	if e.secretDrifted(u, secretKey) {
		e.observed.stored, err = e.connection.write(ctx, u, e.observed.stored, e.connection.details(u, secretKey))
	}

	return err
}

// retire revokes retiring keys, and reports whether it did. In a namespace that is
// being deleted they are kept: there applications cannot be given other ones.
func (e *external) retire(ctx context.Context, u *miniov1alpha1.User, ids []string) (bool, error) {
	if len(ids) == 0 {
		return true, nil
	}

	if ends, err := e.connection.namespaceEnds(ctx, u); ends || err != nil {
		return false, err
	}

	if err := e.keys.revoke(ctx, u, ids); err != nil {
		return false, err
	}

	dropRetiring(u, ids)

	return true, nil
}

// disable disables the user.
func (e *external) disable(ctx context.Context, u *miniov1alpha1.User) error {
	if e.drift.enabled {
		if err := e.setStatus(ctx, u, madmin.AccountDisabled); err != nil {
			return err
		}
	}

	reconciler.SetConditions(u, disabledCondition())

	return nil
}

// verify verifies a key and remembers the connection details that it was verified
// with.
func (e *external) verify(ctx context.Context, u *miniov1alpha1.User, secretKey minio.Secret) error {
	inGroups := len(e.observed.info.MemberOf) > 0
	if err := e.verifier.verify(ctx, u, secretKey, inGroups); err != nil {
		return err
	}

	e.memories.Of(u).verified = hash(e.connection.details(u, secretKey))

	return nil
}

// setCondition sets the condition Ready of an observed user. A user that drifted
// keeps the condition it has, unless no key of it works.
func (e *external) setCondition(u *miniov1alpha1.User) {
	switch {
	case e.drift.none() && enabled(u):
		e.setReady(u)
	case e.drift.none():
		reconciler.SetConditions(u, disabledCondition())
	case (e.drift.keyMissing || e.drift.keyUnknown) && len(u.Status.AtProvider.RetiringKeys) == 0:
		reconciler.SetConditions(u, xpv1.Unavailable())
	}
}

// setReady marks an enabled user Ready, and records the key that is published and the
// overlaps of those that it replaces.
func (e *external) setReady(u *miniov1alpha1.User) {
	recordKey(u, e.observed.stored, e.now())
	keepOverlaps(u, e.now())
	reconciler.SetConditions(u, xpv1.Available())
}

// disabledCondition is the condition Ready of a user that is disabled as its spec
// asks.
func disabledCondition() xpv1.Condition {
	c := xpv1.Unavailable().WithMessage("the user is disabled, as spec.forProvider.enabled asks")
	c.Reason = miniov1alpha1.ReasonDisabled

	return c
}
