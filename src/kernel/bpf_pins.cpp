// SPDX-License-Identifier: MIT
#include "kernel/bpf_pins.hpp"

#include <cerrno>
#include <string>

#include <bpf/bpf.h>
#include <sys/vfs.h>

#include "base/fd.hpp"

namespace anabranch::kernel {
namespace {

constexpr long kBpfFileSystem = 0xcafe4a11;

/// A map from another time or with other settings cannot be taken over: it makes way.
void drop_unfitting(const ::bpf_map* map, const std::string& pin) {
  const UniqueFd pinned(::bpf_obj_get(pin.c_str()));
  if (!pinned) return;
  ::bpf_map_info info{};
  __u32 length = sizeof info;
  if (::bpf_obj_get_info_by_fd(pinned.get(), &info, &length) == 0 &&
      info.type == static_cast<__u32>(::bpf_map__type(map)) &&
      info.key_size == ::bpf_map__key_size(map) && info.value_size == ::bpf_map__value_size(map) &&
      info.max_entries == ::bpf_map__max_entries(map))
    return;
  std::error_code ignored;
  std::filesystem::remove(pin, ignored);
}

std::uint32_t pinned_program(const std::filesystem::path& pin) {
  const UniqueFd pinned(::bpf_obj_get(pin.c_str()));
  ::bpf_prog_info info{};
  __u32 length = sizeof info;
  if (!pinned || ::bpf_obj_get_info_by_fd(pinned.get(), &info, &length) != 0) return 0;
  return info.id;
}

}  // namespace

Result<void> make_pin_directory(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  struct ::statfs system {};
  if (error || ::statfs(directory.c_str(), &system) != 0)
    return fail_errno(error ? error.value() : errno, "cannot make the directory of BPF objects",
                      directory.string());
  if (system.f_type == kBpfFileSystem) return {};
  return fail("not on a BPF file system", directory.string(),
              "mount -t bpf bpf /sys/fs/bpf, or set 'pins' to where one is mounted",
              ExitCode::kBadInput);
}

Result<void> pin_maps(::bpf_object* object, const std::filesystem::path& directory) {
  ::bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const auto pin = (directory / ::bpf_map__name(map)).string();
    drop_unfitting(map, pin);
    if (const int result = ::bpf_map__set_pin_path(map, pin.c_str()); result != 0)
      return fail_errno(-result, "cannot pin a map", pin);
  }
  return {};
}

Result<void> unpin_maps(const ::bpf_object* object, const std::filesystem::path& directory) {
  std::error_code error;
  const ::bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    std::filesystem::remove(directory / ::bpf_map__name(map), error);
    if (error) return fail_errno(error.value(), "cannot remove a pinned map", directory.string());
  }
  return {};
}

Result<void> pin_program(::bpf_program* program, const std::filesystem::path& pin) {
  std::error_code ignored;
  std::filesystem::remove(pin, ignored);
  if (const int result = ::bpf_program__pin(program, pin.c_str()); result != 0)
    return fail_errno(-result, "cannot pin a program", pin.string());
  return {};
}

Result<void> keep_next(const std::filesystem::path& pin) {
  std::error_code error;
  std::filesystem::rename(next_pin(pin), pin, error);
  if (error) return fail_errno(error.value(), "cannot keep a pinned program", pin.string());
  return {};
}

Result<void> unpin_program(const std::filesystem::path& pin) {
  std::error_code error;
  for (const auto& each : {pin, next_pin(pin)}) {
    std::filesystem::remove(each, error);
    if (error) return fail_errno(error.value(), "cannot remove a pinned program", each.string());
  }
  return {};
}

ProgramOwner owner_of(std::uint32_t program, const std::filesystem::path& pin) {
  if (program == 0) return ProgramOwner::kNobody;
  const bool ours = program == pinned_program(pin) || program == pinned_program(next_pin(pin));
  return ours ? ProgramOwner::kUs : ProgramOwner::kSomebody;
}

}  // namespace anabranch::kernel
