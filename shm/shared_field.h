// shm/shared_field.h
//
// One field of a segment that another process reads or writes meanwhile.
// Relaxed accesses: the order between fields is made by the callers' fences.
#pragma once

#include <atomic>

namespace ntpshm {

// Atomic where that is one plain instruction; elsewhere (64-bit time_t on 32-bit
// machines) a tear is caught by `count`, which is atomic everywhere.
template <typename T>
inline constexpr bool kPlainAtomic = sizeof(T) <= sizeof(void*);

static_assert(std::atomic_ref<int>::is_always_lock_free);

template <typename T>
void Store(T& field, T value) {
  if constexpr (kPlainAtomic<T>) {
    std::atomic_ref<T>(field).store(value, std::memory_order_relaxed);
  } else {
    *const_cast<volatile T*>(&field) = value;
  }
}

template <typename T>
T Load(const T& field) {
  if constexpr (kPlainAtomic<T>) {
    // A load does not write, also not to a mapping that is read-only.
    return std::atomic_ref<T>(const_cast<T&>(field)).load(std::memory_order_relaxed);
  } else {
    return *const_cast<const volatile T*>(&field);
  }
}

}  // namespace ntpshm
