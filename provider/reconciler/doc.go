// Package reconciler corrects crossplane-runtime v2.2.0 where its defaults cost this
// provider too many requests, or lose data. It wraps the client, the event recorder,
// the finalizer and the reconciler that the runtime's managed.Reconciler works with. It
// imports no SDK of MinIO and no package of this project; of Cistern it knows the keys of
// three annotations. Each file could become a change of the runtime, and then be removed.
//
//	writes.go
//	  runtime  updates the status at the end of every reconcile, changed or not
//	  here     omits an update if a current cache shows that it would change nothing;
//	           omits the status "Creating" right after a creation was recorded, because
//	           the next reconcile follows at once and writes the outcome
//	  reason   with 10,000 idle resources these updates are most of the API server's load
//	  until    the runtime compares the status before it updates it
//
//	secrets.go
//	  runtime  reads a connection Secret from the API server in every reconcile, merges
//	           what is published into it, and creates an empty one before a creation
//	  here     gives the runtime a client that finds and writes no Secret: Users write theirs
//	           themselves (provider/user/stored.go). That client reads each version once, and
//	           none that it wrote; the owner is reconciled when its Secret is edited or deleted
//	  reason   reads grow with the number of resources; a withdrawn key must not stay
//	  until    the runtime publishes nothing for a kind that writes its Secret itself, and
//	           caches Secrets by metadata
//
//	events.go
//	  runtime  records an event for every failed attempt, with the same message each time
//	  here     records an event if it differs from the last one of the object and reason
//	  reason   a resource that waits is retried every few seconds
//	  until    the runtime, or its recorder, drops repeated events
//
//	metadata.go
//	  runtime  updates a whole resource to store its annotations and finalizers, and reads
//	           it back, which loses the status that was just observed
//	  here     patches annotations and finalizers, and keeps the rest in memory
//	  reason   an update writes the spec in canonical form, and the provider then owns
//	           fields of its writer; an adopted resource is Ready in its first reconcile
//	  until    the runtime patches the metadata
//
//	references.go, referencesite.go
//	  runtime  writes the names that references resolve to into the spec, by a server-side
//	           apply that drops those of earlier reconciles
//	  here     resolves references in memory, and records the names in an annotation
//	  reason   a new reference emptied the fields that other references had filled
//	  until    the runtime resolves references without writing the spec
//
//	conditions.go
//	  runtime  records the generation of the spec in the conditions that it sets, not in
//	           those that a kind sets
//	  here     records it in those, too
//	  reason   Ready must say of which spec it was found
//	  until    SetConditions of a resource records the generation
//
//	finalizer.go
//	  runtime  adds the finalizer with a write of its own
//	  here     records the UID of the owner with it; adds both in memory only if the
//	           runtime's next step, the record of a pending creation, stores them
//	  reason   the UID distinguishes a resource from its copies; a resource that is created
//	           needs one write less
//	  until    the runtime records an owner, and stores all of this at once
//
//	ownership.go
//	  runtime  takes whatever exists under the external name for the resource's own
//	  here     takes only what the resource created, or was asked to adopt; takes nothing
//	           for a copy, a resource whose annotation names another owner's UID
//	  reason   a resource must not take over what another one, or a person, created; the
//	           other annotations that prove ownership are part of every backup
//	  until    the runtime distinguishes adoption from observation
//
//	predicate.go
//	  runtime  reconciles a resource when an annotation changes, also by its own hand
//	  here     ignores updates that only record a creation, an owner, names or what
//	           references resolve to
//	  reason   the runtime goes on with the resource anyway: one reconcile less for each
//	  until    resource.DesiredStateChanged ignores the annotations of a creation
//
//	shutdown.go
//	  runtime  cancels running reconciles as soon as the process is asked to stop
//	  here     lets them finish, for a bounded time
//	  reason   a cancelled call may or may not have been carried out
//	  until    controller-runtime drains its workers before it cancels their context
//
//	throttle.go
//	  runtime  lists all usages of a provider configuration for each one that changes
//	  here     reconciles each configuration at most once per interval
//	  reason   a burst of n resources costs n lists of up to n usages
//	  until    the runtime counts usages from events
//
//	retry.go
//	  runtime  retries a resource after 1 to 60 seconds
//	  here     retries after 20 milliseconds to 15 seconds
//	  reason   a creation is confirmed by a retry, and a server that comes back is noticed
//	  until    the runtime confirms a creation without its rate limiter
//
//	memory.go
//	  runtime  keeps nothing of a resource between reconciles; a resource whose management
//	           policies exclude Delete is removed without a call of Delete
//	  here     keeps what a kind remembers until the resource is gone, for whatever reason
//	  reason   a poll that knows the previous one needs fewer calls
//	  until    the runtime reports deleted resources to its external clients
package reconciler
