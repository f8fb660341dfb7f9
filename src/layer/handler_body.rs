//! Chooses the type of body that the inner service gets if its layer has read the body itself.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;

use super::receive::BoxError;

/// The body that a handler gets for a request whose body was a `B`: it is made of the bytes that
/// the layer has read. [`SameBody`] and [`BodyAs`] are the only implementations.
#[diagnostic::on_unimplemented(
    message = "no `{B}` can be made of the bytes that this layer has read",
    label = "no handler inside can be called with a `{B}`",
    note = "say which body the handler takes, by `.handler_body::<Full<Bytes>>()` on the layer that reads"
)]
pub trait HandlerBody<B>: private::Sealed {
    /// The handler's body.
    type Body: From<Bytes> + Send + 'static;

    #[doc(hidden)]
    type Unread: Body<Data = Bytes, Error: Into<BoxError>> + Unpin + Send + 'static;

    /// The body, ready to be read: boxed if it must not move.
    #[doc(hidden)]
    fn unread(body: B) -> Self::Unread;
}

/// Handlers get a body of the request's type, which must be `From<Bytes>` and `Unpin`.
#[derive(Debug, Clone, Copy)]
pub enum SameBody {}

/// Handlers get a `T`, whatever the request's body is.
pub struct BodyAs<T>(PhantomData<fn() -> T>);

#[diagnostic::do_not_recommend]
impl<B> HandlerBody<B> for SameBody
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + From<Bytes> + Unpin + Send + 'static,
{
    type Body = B;
    type Unread = B;

    fn unread(body: B) -> B {
        body
    }
}

impl<B, T> HandlerBody<B> for BodyAs<T>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    T: From<Bytes> + Send + 'static,
{
    type Body = T;
    type Unread = Pin<Box<B>>;

    fn unread(body: B) -> Pin<Box<B>> {
        Box::pin(body)
    }
}

impl<T> Clone for BodyAs<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for BodyAs<T> {}

impl<T> fmt::Debug for BodyAs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyAs")
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for super::SameBody {}
    impl<T> Sealed for super::BodyAs<T> {}
}
