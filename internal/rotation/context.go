package rotation

import "context"

type idKey struct{}

// WithID returns a context for what is done for a rotation, so that every line which is logged under it can carry its id.
// The id may be "", where no rotation is known.
func WithID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, idKey{}, id)
}

// IDOf returns the rotation that WithID put into ctx, "" if there is none.
func IDOf(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}
