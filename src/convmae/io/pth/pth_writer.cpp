#include "convmae/io/pth/pth_writer.h"

#include "convmae/io/atomic_file.h"
#include "convmae/io/pth/pickle_writer.h"
#include "convmae/io/pth/zip_writer.h"

#include <string>

namespace convmae {

void write_pth(const std::filesystem::path& path, const Value& root) {
  const PickleWriter pickle(root);
  AtomicFile file(path);
  ZipWriter zip(file);
  zip.add("archive/data.pkl", pickle.pickle());
  zip.add("archive/byteorder", "little");
  for (std::size_t i = 0; i < pickle.storages().size(); ++i) {
    zip.add(std::string("archive/data/").append(std::to_string(i)), pickle.storages()[i]);
  }
  zip.add("archive/version", "3\n");
  zip.finish();
  file.commit();
}

}  // namespace convmae
