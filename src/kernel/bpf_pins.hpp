// SPDX-License-Identifier: MIT
// BPF objects with a name in a file system, by which they outlive the process that has made them
// and the next one finds them.
#pragma once

#include <cstdint>
#include <filesystem>

#include <bpf/libbpf.h>

#include "base/result.hpp"

namespace anabranch::kernel {

/// Below it is where nothing but BPF objects can be. Made when it is not there.
Result<void> make_pin_directory(const std::filesystem::path& directory);

/// Before loading: each map of `object` is taken over from `directory` when one of its shape is
/// pinned there, or will be pinned there.
Result<void> pin_maps(::bpf_object* object, const std::filesystem::path& directory);
/// Removes what pin_maps() has left. Nothing there is success.
Result<void> unpin_maps(const ::bpf_object* object, const std::filesystem::path& directory);

/// A program is pinned here before it is attached and takes the place of the former afterwards:
/// whenever we are killed, what is attached is one of both.
inline std::filesystem::path next_pin(const std::filesystem::path& pin) {
  return pin.string() + "_next";
}
/// In place of what is pinned there.
Result<void> pin_program(::bpf_program* program, const std::filesystem::path& pin);
/// The next one becomes the one.
Result<void> keep_next(const std::filesystem::path& pin);
/// Both. Nothing there is success.
Result<void> unpin_program(const std::filesystem::path& pin);

/// Of an attached program: whose it is. A process without CAP_SYS_ADMIN can tell by pins only.
enum class ProgramOwner : std::uint8_t { kNobody, kUs, kSomebody };
ProgramOwner owner_of(std::uint32_t program, const std::filesystem::path& pin);

}  // namespace anabranch::kernel
