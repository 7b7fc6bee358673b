//! Buffers for large answers, used again: to get their memory from the system, page by page, costs as much as to read an
//! answer into it. What that saves is in `bench/README.md`.
//!
//! They belong to a thread of [`crate::workers`], which frees those that were not used lately; no other thread has any.

use std::cell::RefCell;

use bytes::Bytes;

/// Smaller ones are the allocator's affair, which keeps them by itself.
const LARGE_BYTES: usize = 1 << 20;
/// Larger ones are not kept.
const TOO_LARGE_BYTES: usize = 32 << 20;
/// How many a thread keeps.
const KEPT: usize = 4;

thread_local! {
    static SPARE: RefCell<Option<Spare>> = const { RefCell::new(None) };
}

/// The buffers that nobody uses.
#[derive(Debug, Default)]
struct Spare {
    buffers: Vec<Vec<u8>>,
    /// How many of them nobody has used since [`free_unused`] was called.
    unused: usize,
}

/// From now on this thread keeps buffers: it must call [`free_unused`] now and then.
pub(crate) fn keep() {
    SPARE.set(Some(Spare::default()));
}

/// Frees the buffers that were not used since the last call.
pub(crate) fn free_unused() {
    SPARE.with_borrow_mut(|spare| {
        if let Some(Spare { buffers, unused }) = spare {
            buffers.drain(..*unused);
            *unused = buffers.len();
        }
    });
}

/// An empty buffer with room for so many bytes.
pub(crate) fn take(bytes: usize) -> Vec<u8> {
    if bytes < LARGE_BYTES {
        return Vec::with_capacity(bytes);
    }
    let spare = SPARE.with_borrow_mut(|spare| {
        let Spare { buffers, unused } = spare.as_mut()?;
        let at = buffers.iter().rposition(|buffer| buffer.capacity() >= bytes)?;
        *unused = (*unused).min(at);
        Some(buffers.remove(at))
    });
    spare.unwrap_or_else(|| Vec::with_capacity(bytes))
}

/// What was read into a buffer, which is spare again when it is dropped.
pub(crate) fn share(buffer: Vec<u8>) -> Bytes {
    if (LARGE_BYTES..=TOO_LARGE_BYTES).contains(&buffer.capacity()) {
        Bytes::from_owner(Shared(buffer))
    } else {
        Bytes::from(buffer)
    }
}

struct Shared(Vec<u8>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A thread that ends has none any more.
        let _ = SPARE.try_with(|spare| {
            if let Some(Spare { buffers, .. }) = &mut *spare.borrow_mut()
                && buffers.len() < KEPT
            {
                self.0.clear();
                buffers.push(std::mem::take(&mut self.0));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spare() -> usize {
        SPARE.with_borrow(|spare| spare.as_ref().map_or(0, |spare| spare.buffers.len()))
    }

    fn read(bytes: usize) -> Bytes {
        let mut buffer = take(bytes);
        assert!(buffer.is_empty());
        buffer.resize(bytes, b'a');
        share(buffer)
    }

    #[test]
    fn a_large_buffer_is_used_again_and_freed_when_it_is_not() {
        keep();
        let first = read(LARGE_BYTES + 1);
        let part = first.slice(1..2);
        let place = first.as_ptr();
        drop(first);
        assert_eq!(spare(), 0, "a part of it is still in use");
        drop(part);
        assert_eq!(spare(), 1);
        let second = read(LARGE_BYTES);
        assert_eq!((second.as_ptr(), second.len(), spare()), (place, LARGE_BYTES, 0));
        drop(second);
        free_unused();
        drop(read(LARGE_BYTES));
        free_unused();
        assert_eq!(spare(), 1, "it was used between the two calls");
        free_unused();
        assert_eq!(spare(), 0);
    }

    #[test]
    fn what_is_small_or_huge_is_not_kept_nor_more_than_a_few() {
        keep();
        drop(read(LARGE_BYTES - 1));
        drop(read(TOO_LARGE_BYTES + 1));
        assert_eq!(spare(), 0);
        let many: Vec<Bytes> = (0..=KEPT).map(|_| read(LARGE_BYTES)).collect();
        drop(many);
        assert_eq!(spare(), KEPT);
    }

    #[test]
    fn a_thread_that_frees_none_keeps_none() {
        drop(read(LARGE_BYTES));
        assert_eq!(spare(), 0);
    }
}
