//! The socket of a client, which can be asked whether the client is still there
//! without reading what it has sent.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A socket that whoever reads and writes it shares with whoever watches it.
#[derive(Debug, Clone)]
pub(crate) struct Socket(Arc<TcpStream>);

impl Socket {
    pub fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    /// Whether the client has hung up or vanished. Nothing is read: what it sent
    /// before may still wait.
    pub fn is_hung_up(&self) -> bool {
        // Who cannot be asked is taken to be there: writing finds out.
        self.tells(PollFlags::from_bits_retain(nix::libc::POLLRDHUP))
    }

    /// Whether something waits to be read: bytes, or that there will be none.
    pub fn has_sent(&self) -> bool {
        self.tells(PollFlags::POLLIN)
    }

    /// Errors are told without being asked for.
    fn tells(&self, what: PollFlags) -> bool {
        let mut asked = [PollFd::new(self.0.as_fd(), what)];
        poll(&mut asked, PollTimeout::ZERO).is_ok_and(|some| some > 0)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(
            match nix::sys::socket::shutdown(
                std::os::fd::AsRawFd::as_raw_fd(&*self.0),
                nix::sys::socket::Shutdown::Write,
            ) {
                // The client was faster.
                Ok(()) | Err(nix::errno::Errno::ENOTCONN) => Ok(()),
                Err(error) => Err(error.into()),
            },
        )
    }
}
