package server

import (
	"context"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xpv1 "github.com/crossplane/crossplane-runtime/v2/apis/common/v1"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

const (
	// checkUsable is how often a usable server is checked.
	checkUsable = time.Minute

	// checkUnusable is how often a server is checked that cannot be used: as often as a
	// resource that waits for it is retried.
	checkUnusable = reconciler.LastRetry

	// checkJitter is the share by which these intervals are prolonged at random.
	checkJitter = 0.1
)

// reasons are the condition reasons of servers that cannot be used.
var reasons = map[minio.Health]xpv1.ConditionReason{
	minio.Unreachable:          miniov1alpha1.ReasonUnreachable,
	minio.CertificateUntrusted: miniov1alpha1.ReasonCertificateUntrusted,
	minio.CredentialsRejected:  miniov1alpha1.ReasonCredentialsRejected,
	minio.ClockSkew:            miniov1alpha1.ReasonClockSkew,
	minio.NoAdminAPI:           miniov1alpha1.ReasonNoAdminAPI,
	minio.UnsupportedAdminAPI:  miniov1alpha1.ReasonUnsupportedAdminAPI,
	minio.Changed:              miniov1alpha1.ReasonServerChanged,
	minio.WrongRegion:          miniov1alpha1.ReasonWrongRegion,
	minio.TooOld:               miniov1alpha1.ReasonServerTooOld,
}

// health reconciles the condition Ready of the provider configurations of one kind: it
// reports whether the server can be used. It writes the condition when it changes. The
// controller that counts usages writes the same status, so either may meet a conflict
// and is then retried.
type health struct {
	kube    client.Client
	servers *Servers
	record  event.Recorder
	kind    string
	// newConfig returns an empty configuration of the kind.
	newConfig func() resource.ProviderConfig
}

// Reconcile checks the server of one configuration.
func (h *health) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	key := ConfigKey{kind: h.kind, namespace: req.Namespace, name: req.Name}
	pc := h.newConfig()

	if err := h.kube.Get(ctx, req.NamespacedName, pc); kerrors.IsNotFound(err) {
		if h.servers.evict(key) {
			return reconcile.Result{}, nil
		}

		return reconcile.Result{RequeueAfter: unusedTTL}, nil
	} else if err != nil {
		return reconcile.Result{}, errors.Wrapf(err, "cannot get %s %q", h.kind, req.Name)
	}

	if meta.WasDeleted(pc) {
		// The condition Terminating shows why it still exists.
		return reconcile.Result{}, nil
	}

	c, srv, err := h.check(ctx, key)
	if err != nil {
		return reconcile.Result{}, err
	}

	after := checkUnusable
	if c.Status == corev1.ConditionTrue {
		after = checkUsable
	}

	result := reconcile.Result{RequeueAfter: wait.Jitter(after, checkJitter)}

	c.ObservedGeneration = pc.GetGeneration()
	known := pc.GetCondition(c.Type).Equal(c)
	if changed := record(pc, c, srv); known && !changed {
		return result, nil
	}

	pc.SetConditions(c)

	if err := h.kube.Status().Update(ctx, pc); err != nil {
		return errors.SilentlyRequeueOnConflict(reconcile.Result{}, errors.Wrapf(err, "cannot update the status of %s %q", h.kind, req.Name))
	}

	if !known {
		h.recordChange(pc, c)
	}

	return result, nil
}

// record records what a server that answered the check reported of itself, and reports whether
// that changes the status.
func record(pc resource.ProviderConfig, ready xpv1.Condition, srv *cachedServer) bool {
	if srv == nil {
		return false
	}

	s := secure(srv.Advisories())
	s.ObservedGeneration = pc.GetGeneration()
	changed := !pc.GetCondition(s.Type).Equal(s)

	pc.SetConditions(s)

	if ready.Status == corev1.ConditionTrue && recordID(pc, srv.DeploymentID()) {
		changed = true
	}

	return changed
}

// recordID records the deployment ID of a server that can be used, and reports whether it was
// not recorded before.
func recordID(pc resource.ProviderConfig, id string) bool {
	var status *miniov1alpha1.ProviderConfigStatus

	switch o := pc.(type) {
	case *miniov1alpha1.ProviderConfig:
		status = &o.Status
	case *miniov1alpha1.ClusterProviderConfig:
		status = &o.Status
	}

	if status == nil || id == "" || status.DeploymentID == id {
		return false
	}

	status.DeploymentID = id

	return true
}

// check returns the condition Ready of a configuration, and its server if that can be used or is
// too old. It returns an error if the health of the server could not be determined.
func (h *health) check(ctx context.Context, key ConfigKey) (c xpv1.Condition, srv *cachedServer, err error) {
	srv, err = h.servers.lookup(ctx, key, 0)
	if isTransient(err) {
		return xpv1.Condition{}, nil, err
	}

	if err != nil {
		return notReady(miniov1alpha1.ReasonConfigurationInvalid, err), nil, nil
	}

	err = srv.Check(ctx)
	if err == nil {
		return xpv1.Condition{
			Type: xpv1.TypeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(), Reason: miniov1alpha1.ReasonServerUsable,
		}, srv, nil
	}

	unhealthy := new(minio.Error)
	if !errors.As(err, &unhealthy) {
		return xpv1.Condition{}, nil, errors.Wrapf(err, "cannot check the server of %s %q", key.kind, key.name)
	}

	if unhealthy.Health != minio.TooOld {
		srv = nil
	}

	return notReady(reasons[unhealthy.Health], err), srv, nil
}

// isTransient reports whether an error is a temporary failure of the API server or of this
// process, and says nothing about the configuration.
func isTransient(err error) bool {
	if status := kerrors.APIStatus(nil); errors.As(err, &status) {
		return status.Status().Code >= http.StatusInternalServerError || kerrors.IsTooManyRequests(err)
	}

	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func notReady(reason xpv1.ConditionReason, err error) xpv1.Condition {
	return xpv1.Condition{
		Type: xpv1.TypeReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now(), Reason: reason, Message: err.Error(),
	}
}

// recordChange records a changed condition as an event.
func (h *health) recordChange(pc resource.ProviderConfig, c xpv1.Condition) {
	if c.Status == corev1.ConditionTrue {
		h.record.Event(pc, event.Normal(event.Reason(c.Reason), "The server can be used"))
		return
	}

	h.record.Event(pc, event.Warning(event.Reason(c.Reason), errors.New(c.Message)))
}
