mod authenticate;
mod identify;
mod manage;
mod properties;
