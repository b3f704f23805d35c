//! Extended attributes, access control lists among them.

use std::ffi::{CString, OsStr};
use std::io;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::dir::Dir;
use super::{Node, proc_name};

impl Dir {
    /// Whether new entries of this folder receive an access control list from it.
    pub(crate) fn has_default_acl(&self) -> bool {
        rustix::fs::fgetxattr_query(self, "system.posix_acl_default").is_ok_and(|len| len > 0)
    }

    /// The extended attributes of an entry that cannot be opened, with their values.
    pub(crate) fn entry_attributes(&self, name: &OsStr) -> io::Result<Vec<(CString, Vec<u8>)>> {
        // The most that Linux gives, of names and of each value.
        const LONGEST: usize = 64 << 10;
        let entry = self.hold(name)?;
        let mut room = vec![0_u8; LONGEST];
        let names = match rustix::fs::listxattr(proc_name(&entry), &mut room[..]) {
            Ok(len) => split_names(&room[..len]),
            Err(Errno::NOTSUP | Errno::NOSYS) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        // One that cannot be read was removed meanwhile.
        let value = |name: CString| {
            let len = rustix::fs::getxattr(proc_name(&entry), &name, &mut room[..]).ok()?;
            Some((name, room[..len].to_vec()))
        };
        Ok(names.into_iter().filter_map(value).collect())
    }

    /// Sets an extended attribute of an entry that cannot be opened.
    pub(crate) fn set_entry_attribute(
        &self,
        name: &OsStr,
        attribute: &CString,
        value: &[u8],
    ) -> io::Result<()> {
        let entry = self.hold(name)?;
        let path = proc_name(&entry);
        Ok(rustix::fs::setxattr(
            path,
            attribute,
            value,
            XattrFlags::empty(),
        )?)
    }

    /// Removes the access control list that a new special file received from this folder.
    pub(crate) fn remove_entry_acl(&self, name: &OsStr) -> io::Result<()> {
        let entry = self.hold(name)?;
        let path = proc_name(&entry);
        removed(rustix::fs::removexattr(path, "system.posix_acl_access"))
    }
}

/// Names of the extended attributes.
pub(crate) fn attributes(node: &impl Node) -> io::Result<Vec<CString>> {
    let mut room = [0_u8; 512];
    let mut long;
    // Almost every file has none or few: one call decides. A list that grows meanwhile is asked for anew.
    let list = match rustix::fs::flistxattr(node, &mut room[..]) {
        Ok(len) => &room[..len],
        Err(Errno::RANGE) => {
            long = vec![0_u8; 64 << 10];
            let len = rustix::fs::flistxattr(node, &mut long[..])?;
            &long[..len]
        }
        Err(Errno::NOTSUP | Errno::NOSYS) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    Ok(split_names(list))
}

fn split_names(list: &[u8]) -> Vec<CString> {
    list.split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| CString::new(name).ok())
        .collect()
}

/// The value of one extended attribute.
pub(crate) fn attribute(node: &impl Node, name: &CString) -> io::Result<Vec<u8>> {
    loop {
        let len = rustix::fs::fgetxattr_query(node, name.as_c_str())?;
        let mut value = vec![0; len.max(1)];
        match rustix::fs::fgetxattr(node, name.as_c_str(), &mut value[..]) {
            Ok(len) => {
                value.truncate(len);
                return Ok(value);
            }
            // It grew between the two calls.
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sets one extended attribute.
pub(crate) fn set_attribute(node: &impl Node, name: &CString, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(
        node,
        name.as_c_str(),
        value,
        XattrFlags::empty(),
    )?)
}

/// Removes the access control list that a new entry received from its folder.
pub(crate) fn remove_acl(node: &impl Node) -> io::Result<()> {
    remove_attribute(node, "system.posix_acl_access")
}

/// Removes the access control list that a folder gives to new entries.
pub(crate) fn remove_default_acl(folder: &Dir) -> io::Result<()> {
    remove_attribute(folder, "system.posix_acl_default")
}

fn remove_attribute(node: &impl Node, name: &str) -> io::Result<()> {
    removed(rustix::fs::fremovexattr(node, name))
}

/// An attribute that is not there is as good as removed.
fn removed(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Ok(()) | Err(Errno::NODATA | Errno::NOTSUP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
