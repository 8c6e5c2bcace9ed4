// SPDX-License-Identifier: MIT
#include "base/preload.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/fd.hpp"

namespace anabranch {
namespace {

using FileHeader = ElfW(Ehdr);
using ProgramHeader = ElfW(Phdr);

#if defined(__x86_64__)
constexpr int kOwnMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kOwnMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr int kOwnMachine = EM_RISCV;
#else
#error "name this machine's EM_ constant of <elf.h> here"
#endif
constexpr unsigned char kOwnClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

template <class T>
bool read_at(int fd, std::uint64_t offset, T& out) {
  return ::pread(fd, &out, sizeof out, static_cast<off_t>(offset)) == ssize_t(sizeof out);
}

void inspect_elf(int fd, ExecutableFile& out) {
  FileHeader header;
  if (!read_at(fd, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return;
  out.elf = true;
  // A header of the other class is laid out differently; its machine is of no interest then.
  out.same_machine = header.e_ident[EI_CLASS] == kOwnClass && header.e_machine == kOwnMachine;
  if (!out.same_machine) return;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    ProgramHeader segment;
    if (!read_at(fd, header.e_phoff + std::uint64_t{i} * header.e_phentsize, segment)) return;
    if (segment.p_type == PT_INTERP) out.dynamic = true;
  }
}

/// "#! /usr/bin/env -S python3" names /usr/bin/env.
void inspect_script(int fd, ExecutableFile& out) {
  std::array<char, 256> start{};  // as much as the kernel looks at
  const ssize_t got = ::pread(fd, start.data(), start.size(), 0);
  std::string_view line(start.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  if (!line.starts_with("#!")) return;
  line = line.substr(2, line.find('\n') == line.npos ? line.npos : line.find('\n') - 2);
  const auto from = line.find_first_not_of(" \t");
  if (from == line.npos) return;
  line.remove_prefix(from);
  out.interpreter = line.substr(0, line.find_first_of(" \t"));
}

}  // namespace

Result<ExecutableFile> inspect_executable(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail_errno("cannot be read", path.string());
  struct ::stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("stat", path.string());
  ExecutableFile out{.path = path, .interpreter = {}};
  out.set_user_id = (status.st_mode & S_ISUID) != 0;
  // Without the group's execute bit this bit once meant mandatory locking and changes no group.
  out.set_group_id = (status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0;
  out.owner = status.st_uid;
  out.group = status.st_gid;
  out.capabilities = ::fgetxattr(fd.get(), "security.capability", nullptr, 0) > 0;
  inspect_elf(fd.get(), out);
  if (!out.elf) inspect_script(fd.get(), out);
  return out;
}

std::optional<std::string> preload_obstacle(const ExecutableFile& file, Credentials started_by) {
  if (!file.elf) return std::nullopt;
  if (!file.same_machine) return "it is built for another machine or word size than the library";
  if (!file.dynamic) return "it is linked statically and has no dynamic linker to load a library";
  if (file.set_user_id && file.owner != started_by.user)
    return "it is set-user-ID, and the dynamic linker ignores LD_PRELOAD in such programs";
  if (file.set_group_id && file.group != started_by.group)
    return "it is set-group-ID, and the dynamic linker ignores LD_PRELOAD in such programs";
  if (file.capabilities && started_by.user != 0)
    return "it has file capabilities, and the dynamic linker ignores LD_PRELOAD in such programs";
  return std::nullopt;
}

Result<std::string> preload_value(const std::filesystem::path& library, std::string_view current) {
  const std::string& name = library.native();
  if (name.find_first_of(" :") != name.npos)
    return fail("LD_PRELOAD cannot hold a path with a space or a colon", name,
                "install anabranch in a directory without them", ExitCode::kBadInput);
  for (std::size_t from = 0; from < current.size();) {
    const auto end = std::min(current.find_first_of(" :", from), current.size());
    if (current.substr(from, end - from) == name) return std::string(current);
    from = end + 1;
  }
  return current.empty() ? name : name + ":" + std::string(current);
}

Result<std::filesystem::path> find_command(std::string_view command,
                                           std::string_view path_variable) {
  const auto is_file = [](const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored);
  };
  std::filesystem::path not_executable;
  const auto usable = [&](const std::filesystem::path& path) {
    if (!is_file(path)) return false;
    if (::access(path.c_str(), X_OK) == 0) return true;
    if (not_executable.empty()) not_executable = path;
    return false;
  };
  if (command.find('/') != command.npos) {
    if (usable(command)) return std::filesystem::path(command);
    std::error_code ignored;
    if (std::filesystem::is_directory(command, ignored))
      return fail("is a directory", std::string(command), {}, kCommandNotExecutable);
  } else if (!command.empty()) {
    for (std::size_t from = 0; from <= path_variable.size();) {
      const auto end = std::min(path_variable.find(':', from), path_variable.size());
      // An empty element is the current directory (POSIX, XBD 8.3).
      const auto directory = end > from ? path_variable.substr(from, end - from) : ".";
      if (auto path = std::filesystem::path(directory) / command; usable(path)) return path;
      from = end + 1;
    }
  }
  if (!not_executable.empty())
    return fail("is not executable", not_executable.string(), {}, kCommandNotExecutable);
  return fail("no such command", std::string(command), {}, kCommandNotFound);
}

}  // namespace anabranch
